// Finds oneDNN and opens it through koffi. Two things were learned the hard way:
// - koffi unloads libraries when the process ends, and the threads of libgomp then crash it. The library is
//   therefore pinned first: dlopen with RTLD_NODELETE through libc, then loaded by koffi.
// - OpenMP keeps a team of threads per calling thread, so one thread of one process owns the engine.
// `$LAUREL_ONEDNN` names a library file to use instead of the system's.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Pointers cross the border as BigInt; memory of ours as typed arrays. */
export type Pointer = bigint | ArrayBufferView | null;
export type NativeFunction = (...values: (Pointer | number | bigint)[]) => number;

/** Types of a C signature, one letter each: p pointer, i int, u unsigned, l int64, z size_t, f float, v void. */
const cTypes: Record<string, string> = {
  p: 'void *',
  i: 'int',
  u: 'unsigned int',
  l: 'int64_t',
  z: 'size_t',
  f: 'float',
  v: 'void',
};

export interface Library {
  readonly major: 2 | 3;
  readonly version: string;
  /** The file, where the system tells. */
  readonly path: string;
  /** A function by name and signature (`result(arguments)`, e.g. `i(pzz)`); declared once. */
  call(name: string, signature: string): NativeFunction;
  address(memory: ArrayBufferLike | ArrayBufferView): bigint;
  /** The bytes at an address, shared with native code, not copied. */
  view(address: bigint, bytes: number): Uint8Array;
  string(address: bigint): string;
  /** A wish, where the system knows it (Linux); nothing depends on it. */
  adviseHugePages(address: bigint, bytes: number): void;
  /** Threads that OpenMP will use; setting 0 leaves the library's default. */
  threads(wanted: number): number;
}

const RTLD_NOW = 2;
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

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
  // biome-ignore lint/suspicious/noExplicitAny: koffi's functions are typed by the C signatures given to it
  const koffi: any = createRequire(import.meta.url)('koffi');
  const libc = koffi.load(null);
  const dlopen = libc.func('void *dlopen(const char *path, int flags)');
  const names = candidates();
  limitSpinning();
  const name = names.find((candidate) => dlopen(candidate, RTLD_NOW | RTLD_NODELETE));
  if (name === undefined) {
    const chosen = process.env.LAUREL_ONEDNN;
    throw new Error(
      chosen ? `LAUREL_ONEDNN names ${chosen}, which is not a loadable library` : 'oneDNN is not installed',
    );
  }
  const handle = koffi.load(name);
  let madvise: NativeFunction | undefined;
  const declared = new Map<string, NativeFunction>();
  const call = (symbol: string, signature: string): NativeFunction => {
    let found = declared.get(symbol);
    if (found === undefined) {
      const [result, parameters] = signature.split(/[()]/) as [string, string];
      found = handle.func(
        symbol,
        cTypes[result],
        [...parameters].map((letter) => cTypes[letter]),
      ) as NativeFunction;
      declared.set(symbol, found);
    }
    return found;
  };
  let versionAddress: bigint;
  try {
    versionAddress = BigInt(call('dnnl_version', 'p()')());
  } catch {
    throw new Error(`${name} is not oneDNN (it has no dnnl_version)`);
  }
  const [major, minor, patch] = koffi.decode(versionAddress, 'int', 3) as number[];
  const version = `${major}.${minor}.${patch}`;
  if (major !== 2 && major !== 3) {
    throw new Error(`${name} is oneDNN ${version}, and Laurel knows the interfaces of 2.x and 3.x only`);
  }
  return {
    major,
    version,
    path: loadedPath(name),
    call,
    address: (memory) => koffi.address(memory),
    view: (address, bytes) => new Uint8Array(koffi.view(address, bytes)),
    string: (address) => koffi.decode(address, 'char', -1),
    adviseHugePages(address, bytes) {
      const MADV_HUGEPAGE = 14;
      if (process.platform !== 'linux') return;
      madvise ??= libc.func('madvise', 'int', ['void *', 'size_t', 'int']) as NativeFunction;
      madvise(address, bytes, MADV_HUGEPAGE);
    },
    threads: (wanted) => openMpThreads(koffi, wanted),
  };
}

/**
 * OpenMP's threads burn their core for milliseconds while they wait for the next primitive, which starves a
 * busy neighbour and then, through it, ourselves. A short spin is enough between primitives. What the user set
 * stays; libgomp reads this when it is loaded.
 */
function limitSpinning(): void {
  const { OMP_WAIT_POLICY: policy, GOMP_SPINCOUNT: spins } = process.env;
  if (policy === undefined && spins === undefined) process.env.GOMP_SPINCOUNT = '1000';
}

/** Where the loader found it: the process's own map of files says (Linux). */
function loadedPath(name: string): string {
  try {
    const line = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .find((row) => /\/libdnnl[^/]*$/.test(row));
    return line?.slice(line.indexOf('/')) ?? name;
  } catch {
    return name;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: see openLibrary
function openMpThreads(koffi: any, wanted: number): number {
  for (const name of ['libgomp.so.1', 'libomp.dylib', '/opt/homebrew/opt/libomp/lib/libomp.dylib']) {
    try {
      const openMp = koffi.load(name);
      if (wanted > 0) openMp.func('omp_set_num_threads', 'void', ['int'])(wanted);
      return openMp.func('omp_get_max_threads', 'int', [])();
    } catch {}
  }
  return 1;
}
