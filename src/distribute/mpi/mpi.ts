// The few functions of MPI that Laurel needs, over numbers in JavaScript's memory. Everything that can wait for another
// rank is started without blocking and then tested for, so that a rank that hangs is found out by a clock, and so that
// JavaScript goes on while numbers travel. One thread of one process calls MPI.

import { UserError } from '../../errors.ts';
import { addressOf } from '../../foreign.ts';
import type { ElementType, Reduction } from './dialect.ts';
import { untilHeard } from './last-words.ts';
import { installHint, launchOf, type MpiLibrary, openMpiLibrary } from './library.ts';
import { openLine } from './line.ts';

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

/** A transfer that is under way; its numbers are not to be touched until it has ended. */
export interface Transfer {
  /** Whether it has ended; also gives MPI a turn to move data. */
  done(): boolean;
}

export interface Mpi {
  readonly version: string;
  readonly path: string;
  readonly rank: number;
  readonly size: number;
  /** Among the ranks of this machine, and how many they are. */
  readonly localRank: number;
  readonly localSize: number;
  /** Sums (or ...) over all ranks, in place, on all of them. */
  startAllReduce(numbers: Numbers, reduction?: Reduction): Transfer;
  /** The numbers of rank `root`, on all of them. */
  startBroadcast(numbers: Numbers, root: number): Transfer;
  /**
   * `all` holds the ranks' `own` one after another. Starts in the same order on all ranks as other gatherings, whatever
   * else is started between them.
   */
  startAllGather(own: Numbers, all: Numbers): Transfer;
  /** Part r of `own` goes to rank r; `all` holds the parts that came, by rank. */
  startAllToAll(own: Numbers, all: Numbers): Transfer;
  startSend(numbers: Numbers, to: number, tag: number): Transfer;
  startReceive(numbers: Numbers, from: number, tag: number): Transfer;
  /** Ends every rank, as soon as the launcher has heard what this one had to say. */
  abort(exitCode: number): void;
  /** Leaves in good order; every rank must. */
  finalize(): void;
}

let opened: Mpi | undefined;

/** Joins the ranks that were started with this process. Throws a UserError when MPI is not there or does not start. */
export function joinMpi(): Mpi {
  opened ??= open();
  return opened;
}

function open(): Mpi {
  const launch = launchOf();
  let library: MpiLibrary;
  try {
    library = openMpiLibrary(launch);
  } catch (error) {
    throw new UserError(`${(error as Error).message}. Install it:\n  ${installHint}`, { cause: error });
  }
  const { dialect, call } = library;
  const h = dialect.letter;
  if (dialect.implementation === 'MPICH') openLine();
  const check = checker(library);
  check(call('MPI_Init', 'i(pp)')(null, null), 'MPI_Init');
  check(
    call(`MPI_Comm_set_errhandler`, `i(${h}${h})`)(dialect.world, dialect.errorsReturn),
    'set_errhandler',
  );
  const rankOf = (comm: bigint | number): [number, number] => {
    const [rank, size] = [cell(), cell()];
    check(call('MPI_Comm_rank', `i(${h}p)`)(comm, rank), 'MPI_Comm_rank');
    check(call('MPI_Comm_size', `i(${h}p)`)(comm, size), 'MPI_Comm_size');
    return [rank[0] as number, size[0] as number];
  };
  const [rank, size] = rankOf(dialect.world);
  if (launch !== undefined && launch.size !== size) {
    throw new UserError(
      `The launcher started ${launch.size} ranks, and ${library.version} (${library.path}) sees ${size}: they do not ` +
        'belong together. Use the launcher of that library, or name its library in LAUREL_MPI.',
      { exitCode: 2 },
    );
  }
  const node = slot(h);
  const split = call('MPI_Comm_split_type', `i(${h}ii${h}p)`);
  check(split(dialect.world, dialect.shared, rank, dialect.infoNull, node), 'MPI_Comm_split_type');
  const [localRank, localSize] = rankOf(node[0] as bigint | number);

  // Collectives of one communicator have to start in the same order on all ranks. The second half of a sum in bfloat16
  // starts when its first half is there, which is at another moment on each rank, so that it has one of its own.
  const second = slot(h);
  check(call('MPI_Comm_dup', `i(${h}p)`)(dialect.world, second), 'MPI_Comm_dup');
  const gathering = second[0] as bigint | number;

  const test = call('MPI_Test', 'i(ppp)');
  const transfer = (what: string, memory: readonly Numbers[], begin: (request: Slot) => number): Transfer => {
    const request = slot(h);
    const flag = cell();
    check(begin(request), what);
    // Small typed arrays may move while JavaScript runs; those over a buffer do not, and live as long as this.
    let kept: readonly Numbers[] | undefined = memory;
    return {
      done() {
        if (kept === undefined) return true;
        check(test(request, flag, dialect.statusIgnore), what);
        if (flag[0] !== 0) kept = undefined;
        return kept === undefined;
      },
    };
  };
  const { world, types, inPlace, reductions } = dialect;
  const typeOf = (numbers: Numbers) => types[elementType(numbers)];
  const functions = {
    allReduce: call('MPI_Iallreduce', `i(ppi${h}${h}${h}p)`),
    broadcast: call('MPI_Ibcast', `i(pi${h}i${h}p)`),
    allGather: call('MPI_Iallgather', `i(pi${h}pi${h}${h}p)`),
    allToAll: call('MPI_Ialltoall', `i(pi${h}pi${h}${h}p)`),
    send: call('MPI_Isend', `i(pi${h}ii${h}p)`),
    receive: call('MPI_Irecv', `i(pi${h}ii${h}p)`),
  };
  return {
    version: library.version,
    path: library.path,
    rank,
    size,
    localRank,
    localSize,
    startAllReduce: (numbers, reduction = 'sum') =>
      transfer('MPI_Iallreduce', [numbers], (request) =>
        functions.allReduce(
          ...[
            inPlace,
            fixed(numbers),
            numbers.length,
            typeOf(numbers),
            reductions[reduction],
            world,
            request,
          ],
        ),
      ),
    startBroadcast: (numbers, root) =>
      transfer('MPI_Ibcast', [numbers], (request) =>
        functions.broadcast(fixed(numbers), numbers.length, typeOf(numbers), root, world, request),
      ),
    startAllGather: (own, all) => {
      expectLength('MPI_Iallgather', all, own.length * size);
      return transfer('MPI_Iallgather', [own, all], (request) =>
        functions.allGather(
          ...[fixed(own), own.length, typeOf(own), fixed(all), own.length, typeOf(all), gathering, request],
        ),
      );
    },
    startAllToAll: (own, all) => {
      const part = own.length / size;
      if (!Number.isInteger(part))
        throw new Error(`MPI_Ialltoall got ${own.length} numbers for ${size} ranks`);
      expectLength('MPI_Ialltoall', all, own.length);
      return transfer('MPI_Ialltoall', [own, all], (request) =>
        functions.allToAll(fixed(own), part, typeOf(own), fixed(all), part, typeOf(all), world, request),
      );
    },
    startSend: (numbers, to, tag) =>
      transfer('MPI_Isend', [numbers], (request) =>
        functions.send(fixed(numbers), numbers.length, typeOf(numbers), to, tag, world, request),
      ),
    startReceive: (numbers, from, tag) =>
      transfer('MPI_Irecv', [numbers], (request) =>
        functions.receive(fixed(numbers), numbers.length, typeOf(numbers), from, tag, world, request),
      ),
    abort: (exitCode) => {
      untilHeard();
      call('MPI_Abort', `i(${h}i)`)(world, exitCode);
    },
    finalize: () => check(call('MPI_Finalize', 'i()')(), 'MPI_Finalize'),
  };
}

type Slot = BigInt64Array | Int32Array;

/** Room for a handle that MPI writes. */
function slot(letter: 'p' | 'i'): Slot {
  return letter === 'p' ? new BigInt64Array(new ArrayBuffer(8)) : new Int32Array(new ArrayBuffer(8), 0, 1);
}

function cell(): Int32Array {
  return new Int32Array(new ArrayBuffer(4));
}

/** The address of numbers that stay where they are. */
function fixed({ buffer, byteOffset }: Numbers): bigint {
  return addressOf(buffer) + BigInt(byteOffset);
}

function elementType(numbers: Numbers): ElementType {
  if (numbers instanceof Float32Array) return 'float';
  if (numbers instanceof Float64Array) return 'double';
  if (numbers instanceof Int32Array) return 'int';
  return numbers instanceof Uint16Array ? 'uint16' : 'byte';
}

function expectLength(what: string, numbers: Numbers, length: number): void {
  if (numbers.length !== length) throw new Error(`${what} got ${numbers.length} numbers, expected ${length}`);
}

/** Turns an error code into an Error with MPI's own words. */
function checker({ call }: MpiLibrary): (code: number, what: string) => void {
  return (code, what) => {
    if (code === 0) return;
    const text = new Uint8Array(new ArrayBuffer(1024));
    const length = cell();
    call('MPI_Error_string', 'i(ipp)')(code, text, length);
    const words = new TextDecoder().decode(text.subarray(0, length[0])).replace(/\0.*$/s, '');
    throw new Error(`${what} failed: ${words}`);
  };
}
