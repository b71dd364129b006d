// Native libraries through koffi. One thing was learned the hard way: koffi unloads libraries when the process ends,
// and threads that a library started (OpenMP's, MPI's) then crash it. Every library is therefore pinned first, with
// dlopen and RTLD_NODELETE through libc, and only then loaded by koffi.
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

/** The types of a signature like `i(pzz)`. */
function parsed(signature: string): [result: string, parameters: string[]] {
  const [result, parameters] = signature.split(/[()]/) as [string, string];
  return [cTypes[result] as string, [...parameters].map((letter) => cTypes[letter] as string)];
}

export interface ForeignLibrary {
  /** The name that it was found by. */
  readonly name: string;
  /** The file, where the system tells (Linux). */
  readonly path: string;
  /** A function by name and signature (`result(arguments)`, e.g. `i(pzz)`); declared once. Throws when there is none. */
  call(name: string, signature: string): NativeFunction;
  /** The address of a variable; undefined when the library has none of that name. */
  symbol(name: string): bigint | undefined;
}

export interface ForeignOptions {
  /** The library's symbols are seen by libraries that it loads itself (MPI's components). */
  readonly global?: boolean;
}

const RTLD_NOW = 2;
const RTLD_GLOBAL = process.platform === 'darwin' ? 0x8 : 0x100;
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

// biome-ignore lint/suspicious/noExplicitAny: koffi's functions are typed by the C signatures given to it
let loaded: any;

// biome-ignore lint/suspicious/noExplicitAny: see above
function koffi(): any {
  loaded ??= createRequire(import.meta.url)('koffi');
  return loaded;
}

/** The first of `names` (files, or names that the loader finds) that can be loaded, or undefined. */
export function openForeign(
  names: readonly string[],
  options: ForeignOptions = {},
): ForeignLibrary | undefined {
  const dlopen = koffi().load(null).func('void *dlopen(const char *path, int flags)');
  const flags = RTLD_NOW | RTLD_NODELETE | (options.global ? RTLD_GLOBAL : 0);
  const name = names.find((candidate) => dlopen(candidate, flags));
  return name === undefined ? undefined : bind(name, koffi().load(name));
}

let ownSymbols: ForeignLibrary | undefined;

/** The C library, or whatever else is in the process. */
export function processSymbols(): ForeignLibrary {
  ownSymbols ??= bind('libc', koffi().load(null));
  return ownSymbols;
}

// biome-ignore lint/suspicious/noExplicitAny: see above
function bind(name: string, handle: any): ForeignLibrary {
  const declared = new Map<string, NativeFunction>();
  return {
    name,
    path: loadedPath(name),
    call(symbol, signature) {
      let found = declared.get(symbol);
      if (found === undefined) {
        found = handle.func(symbol, ...parsed(signature)) as NativeFunction;
        declared.set(symbol, found);
      }
      return found;
    },
    symbol(symbol) {
      try {
        return BigInt(handle.symbol(symbol));
      } catch {
        return undefined;
      }
    },
  };
}

/** The function at an address, by its signature. It is the caller's word that there is one. */
export function functionAt(address: bigint, signature: string): NativeFunction {
  const [result, parameters] = parsed(signature);
  const type = koffi().proto(null, result, parameters);
  return (...values) => koffi().call(address, type, ...values);
}

export function addressOf(memory: ArrayBufferLike | ArrayBufferView): bigint {
  return koffi().address(memory);
}

/** The bytes at an address, shared with native code, not copied. */
export function viewOf(address: bigint, bytes: number): Uint8Array {
  return new Uint8Array(koffi().view(address, bytes));
}

/**
 * The first `bytes` of an open file in memory, read-only and shared with everyone who maps it: the system's own page
 * cache. Undefined where the system has no such thing (Windows) or refuses.
 */
export function mapFile(file: number, bytes: number): bigint | undefined {
  if (process.platform === 'win32') return undefined;
  const MAP_SHARED = 1;
  // All pages at once are quicker than one after another.
  const MAP_POPULATE = process.platform === 'linux' ? 0x8000 : 0;
  return mapped(bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, file);
}

const PROT_READ = 1;

/** Undefined where the system refuses. */
function mapped(bytes: number, protection: number, flags: number, file: number): bigint | undefined {
  const mmap = processSymbols().call('mmap', 'p(pziiil)');
  const address = BigInt(mmap(null, bytes, protection, flags, file, 0) ?? 0);
  return address === 0n || BigInt.asIntN(64, address) === -1n ? undefined : address;
}

/**
 * Memory that holds `code` and may be run, but no longer written; undefined where the system does not allow any. For Linux;
 * `unmap` gives it back.
 */
export function mapCode(code: Uint8Array): bigint | undefined {
  const PROT_WRITE = 2;
  const PROT_EXEC = 4;
  const MAP_PRIVATE = 2;
  const MAP_ANONYMOUS = 0x20;
  const address = mapped(code.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (address === undefined) return undefined;
  viewOf(address, code.length).set(code);
  const protect = processSymbols().call('mprotect', 'i(pzi)');
  if (protect(address, code.length, PROT_READ | PROT_EXEC) === 0) return address;
  unmap(address, code.length);
  return undefined;
}

/** Gives back what was mapped; nobody may touch it afterwards. */
export function unmap(address: bigint, bytes: number): void {
  processSymbols().call('munmap', 'i(pz)')(address, bytes);
}

/** The C string at an address. */
export function stringAt(address: bigint): string {
  return koffi().decode(address, 'char', -1);
}

/** `count` ints at an address. */
export function integersAt(address: bigint, count: number): number[] {
  return koffi().decode(address, 'int', count);
}

/** Where the loader found it: the process's own map of files says (Linux). */
function loadedPath(name: string): string {
  const stem = name.slice(name.lastIndexOf('/') + 1).replace(/\.so.*$/, '');
  try {
    const line = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .find((row) => row.slice(row.lastIndexOf('/') + 1).startsWith(`${stem}.so`));
    return line?.slice(line.indexOf('/')) ?? name;
  } catch {
    return name;
  }
}
