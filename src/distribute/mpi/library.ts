// Finds MPI. Launchers say in the environment whose they are, and a rank must load the library of the launcher that
// started it: another one would see a world of one rank. `$LAUREL_MPI` names a library file to use instead.
import { type ForeignLibrary, openForeign } from '../../foreign.ts';
import { type Dialect, dialectOf, type Implementation } from './dialect.ts';

export interface MpiLibrary extends ForeignLibrary {
  readonly dialect: Dialect;
  /** `Open MPI 4.1.4`. */
  readonly version: string;
}

/** What a launcher told this process. */
export interface Launch {
  /** Whose launcher it was, where that is certain. */
  readonly implementation?: Implementation;
  readonly rank: number;
  readonly size: number;
}

/** The launch that this process is a rank of; undefined where it was started alone. */
export function launchOf(environment: NodeJS.ProcessEnv = process.env): Launch | undefined {
  const read = (rank: string, size: string): Launch | undefined => {
    const [r, n] = [environment[rank], environment[size]].map(Number) as [number, number];
    return Number.isInteger(r) && Number.isInteger(n) && n > 0 ? { rank: r, size: n } : undefined;
  };
  const openMpi = read('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE');
  if (openMpi !== undefined) return { ...openMpi, implementation: 'Open MPI' };
  // Slurm and other launchers set these too, for either library.
  return read('PMI_RANK', 'PMI_SIZE') ?? read('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS');
}

const files: Readonly<Record<Implementation, readonly string[]>> = {
  'Open MPI': ['libmpi.so.40', '/opt/homebrew/opt/open-mpi/lib/libmpi.dylib'],
  MPICH: ['libmpich.so.12', 'libmpi.so.12', '/opt/homebrew/opt/mpich/lib/libmpi.dylib'],
};

function candidates(launch: Launch | undefined): string[] {
  const chosen = process.env.LAUREL_MPI;
  if (chosen !== undefined && chosen !== '') return [chosen];
  const hydra = launch !== undefined && launch.implementation === undefined;
  const first: Implementation = launch?.implementation ?? (hydra ? 'MPICH' : 'Open MPI');
  return [...files[first], ...files[first === 'MPICH' ? 'Open MPI' : 'MPICH']];
}

/** How to get MPI, on a line of its own. */
export const installHint =
  process.platform === 'darwin'
    ? 'brew install open-mpi'
    : 'sudo apt-get install openmpi-bin libopenmpi3   (or mpich)';

/** Opens the library, or throws an Error whose message says in one sentence why there is none. */
export function openMpiLibrary(launch: Launch | undefined = launchOf()): MpiLibrary {
  const library = openForeign(candidates(launch), { global: true });
  if (library === undefined) {
    const chosen = process.env.LAUREL_MPI;
    throw new Error(
      chosen ? `LAUREL_MPI names ${chosen}, which is not a loadable library` : 'MPI is not installed',
    );
  }
  const text = versionText(library);
  const dialect = dialectOf(library, text);
  if (dialect === undefined) {
    throw new Error(`${library.path} is '${text.split('\n')[0]}'; Laurel knows Open MPI and MPICH`);
  }
  return { ...library, dialect, version: shortVersion(dialect.implementation, text) };
}

function versionText(library: ForeignLibrary): string {
  const text = new Uint8Array(new ArrayBuffer(8192));
  const length = new Int32Array(new ArrayBuffer(4));
  try {
    library.call('MPI_Get_library_version', 'i(pp)')(text, length);
  } catch {
    throw new Error(`${library.path} is not MPI (it has no MPI_Get_library_version)`);
  }
  return new TextDecoder().decode(text.subarray(0, length[0])).replace(/\0.*$/s, '');
}

/** `Open MPI v4.1.4, package: ...` and `MPICH Version:\t4.0.2\n...` by their names and numbers. */
function shortVersion(implementation: Implementation, text: string): string {
  const number = /(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1] ?? '';
  return `${implementation} ${number}`.trim();
}
