// Finds oneDNN and opens it. OpenMP keeps a team of threads per calling thread, so one thread of one process owns the
// engine. `$LAUREL_ONEDNN` names a library file to use instead of the system's.
import {
  addressOf,
  type ForeignLibrary,
  integersAt,
  type NativeFunction,
  openForeign,
  type Pointer,
  processSymbols,
  stringAt,
  viewOf,
} from '../../foreign.ts';
import { tellCaches } from './hidden-caches.ts';

export type { NativeFunction, Pointer };

export interface Library {
  readonly major: 2 | 3;
  readonly version: string;
  /** The file, where the system tells. */
  readonly path: string;
  /** A function by name and signature (`result(arguments)`, e.g. `i(pzz)`); declared once. */
  call(name: string, signature: string): NativeFunction;
  /** The address of a function. */
  symbol(name: string): bigint | undefined;
  address(memory: ArrayBufferLike | ArrayBufferView): bigint;
  /** The bytes at an address, shared with native code, not copied. */
  view(address: bigint, bytes: number): Uint8Array;
  string(address: bigint): string;
  /** A wish, where the system knows it (Linux); nothing depends on it. */
  adviseHugePages(address: bigint, bytes: number): void;
  /** Gives freed memory back to the system, where the system's library can (glibc). */
  trim(): void;
  /** Threads that OpenMP will use; setting 0 leaves the library's default. */
  threads(wanted: number): number;
}

function candidates(): string[] {
  const chosen = process.env.LAUREL_ONEDNN;
  if (chosen !== undefined && chosen !== '') return [chosen];
  if (process.platform === 'darwin') {
    return ['/opt/homebrew/lib/libdnnl.dylib', '/usr/local/lib/libdnnl.dylib', 'libdnnl.dylib'];
  }
  if (process.platform === 'win32') return ['dnnl.dll'];
  const minors = Array.from({ length: 20 }, (_, i) => `libdnnl.so.3.${19 - i}`);
  return ['libdnnl.so.3', ...minors, 'libdnnl.so.2', 'libdnnl.so'];
}

/** Opens the library, or throws an Error whose message says in one sentence why there is none. */
export function openLibrary(): Library {
  const names = candidates();
  limitSpinning();
  const library = openForeign(names);
  if (library === undefined) {
    const chosen = process.env.LAUREL_ONEDNN;
    throw new Error(
      chosen ? `LAUREL_ONEDNN names ${chosen}, which is not a loadable library` : 'oneDNN is not installed',
    );
  }
  const { name, path, call, symbol } = library;
  let madvise: NativeFunction | undefined;
  let mallocTrim: NativeFunction | undefined;
  let versionAddress: bigint;
  try {
    versionAddress = BigInt(call('dnnl_version', 'p()')());
  } catch {
    throw new Error(`${name} is not oneDNN (it has no dnnl_version)`);
  }
  const [major, minor, patch] = integersAt(versionAddress, 3);
  const version = `${major}.${minor}.${patch}`;
  if (major !== 2 && major !== 3) {
    throw new Error(`${name} is oneDNN ${version}, and Laurel knows the interfaces of 2.x and 3.x only`);
  }
  if (major === 3) tellCaches(library);
  return {
    major,
    version,
    path,
    call,
    symbol,
    address: addressOf,
    view: viewOf,
    string: stringAt,
    adviseHugePages(address, bytes) {
      const MADV_HUGEPAGE = 14;
      if (process.platform !== 'linux') return;
      madvise ??= processSymbols().call('madvise', 'i(pzi)');
      madvise(address, bytes, MADV_HUGEPAGE);
    },
    trim() {
      if (process.platform !== 'linux') return;
      mallocTrim ??= findTrim();
      mallocTrim(0);
    },
    threads: openMpThreads,
  };
}

/** glibc keeps what was freed for later, tens of megabytes after the start of a network; other libraries need no such call. */
function findTrim(): NativeFunction {
  try {
    return processSymbols().call('malloc_trim', 'i(z)');
  } catch {
    return () => 0;
  }
}

/**
 * OpenMP's threads burn their core for milliseconds while they wait for the next primitive, which starves a
 * busy neighbour and then, through it, ourselves. A spin too short is worse: on a virtual machine it takes up to a
 * millisecond to wake a thread that sleeps, and when this is longer than the other one waits, both go to sleep in turns
 * at every primitive. What the user set stays; libgomp reads this when it is loaded.
 */
function limitSpinning(): void {
  const { OMP_WAIT_POLICY: policy, GOMP_SPINCOUNT: spins } = process.env;
  if (policy === undefined && spins === undefined) process.env.GOMP_SPINCOUNT = '15000';
}

let openMp: ForeignLibrary | undefined;

function openMpThreads(wanted: number): number {
  openMp ??= openForeign(['libgomp.so.1', 'libomp.dylib', '/opt/homebrew/opt/libomp/lib/libomp.dylib']);
  if (openMp === undefined) return 1;
  if (wanted > 0) openMp.call('omp_set_num_threads', 'v(i)')(wanted);
  return openMp.call('omp_get_max_threads', 'i()')();
}
