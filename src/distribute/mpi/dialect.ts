// What differs between the two families of MPI libraries. In Open MPI a handle is the address of a variable of the
// library (`ompi_mpi_comm_world`); in MPICH and its descendants (Intel MPI, MVAPICH) it is a number that mpi.h fixes.
// Sources: Open MPI 4.1 ompi/include/mpi.h.in; MPICH 4.0 src/include/mpi.h.in (the numbers are MPICH's common ABI).
import type { ForeignLibrary } from '../../foreign.ts';

export type Implementation = 'Open MPI' | 'MPICH';
export type ElementType = 'float' | 'double' | 'byte' | 'int' | 'uint16';
export type Reduction = 'sum' | 'max' | 'min';

/** A handle as it is passed: an address, or a number. */
export type Handle = bigint | number;

export interface Dialect {
  readonly implementation: Implementation;
  /** How a handle stands in a signature: p pointer, i int. */
  readonly letter: 'p' | 'i';
  /** MPI_COMM_WORLD. */
  readonly world: Handle;
  readonly types: Readonly<Record<ElementType, Handle>>;
  readonly reductions: Readonly<Record<Reduction, Handle>>;
  readonly errorsReturn: Handle;
  readonly infoNull: Handle;
  readonly inPlace: bigint;
  readonly statusIgnore: bigint;
  /** MPI_COMM_TYPE_SHARED: ranks that share memory, those of one machine. */
  readonly shared: number;
}

/** The dialect of a library, which it tells itself; undefined for a library that is none of the two. */
export function dialectOf(library: ForeignLibrary, versionText: string): Dialect | undefined {
  if (/^Open MPI/.test(versionText)) return openMpi(library);
  if (/MPICH|Intel\(R\) MPI|MVAPICH/.test(versionText)) return mpich;
  return undefined;
}

function openMpi(library: ForeignLibrary): Dialect {
  const handle = (name: string): bigint => {
    const address = library.symbol(name);
    if (address === undefined) throw new Error(`${library.path} has no ${name}, which Open MPI 4 and 5 have`);
    return address;
  };
  return {
    implementation: 'Open MPI',
    letter: 'p',
    world: handle('ompi_mpi_comm_world'),
    types: {
      float: handle('ompi_mpi_float'),
      double: handle('ompi_mpi_double'),
      byte: handle('ompi_mpi_byte'),
      int: handle('ompi_mpi_int'),
      uint16: handle('ompi_mpi_uint16_t'),
    },
    reductions: {
      sum: handle('ompi_mpi_op_sum'),
      max: handle('ompi_mpi_op_max'),
      min: handle('ompi_mpi_op_min'),
    },
    errorsReturn: handle('ompi_mpi_errors_return'),
    infoNull: handle('ompi_mpi_info_null'),
    inPlace: 1n,
    statusIgnore: 0n,
    shared: 0,
  };
}

const mpich: Dialect = {
  implementation: 'MPICH',
  letter: 'i',
  world: 0x44000000,
  types: { float: 0x4c00040a, double: 0x4c00080b, byte: 0x4c00010d, int: 0x4c000405, uint16: 0x4c00023c },
  reductions: { sum: 0x58000003, max: 0x58000001, min: 0x58000002 },
  errorsReturn: 0x54000001,
  infoNull: 0x1c000000,
  inPlace: 0xffffffffffffffffn,
  statusIgnore: 1n,
  shared: 1,
};
