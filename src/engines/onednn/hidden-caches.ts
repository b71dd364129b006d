// Some virtual machines hide the caches of AMD CPUs: CPUID says nothing. oneDNN 3 then takes each cache for one byte, chooses by
// that, and divides by zero where a block of that size holds no number (simple sums, convolutions in training). So it is
// asked what it thinks, and told usual sizes where it keeps them; 2.x guesses such sizes itself.
import { readFileSync } from 'node:fs';
import { type ForeignLibrary, functionAt, viewOf } from '../../foreign.ts';

/** The library's own question, `get_per_core_cache_size(level)`. */
const question = '_ZN4dnnl4impl3cpu8platform23get_per_core_cache_sizeEi';
/** What CPUs with AVX2 have at least, bytes per core. */
const usual = [32 << 10, 512 << 10, 1 << 20] as const;
/** Below this nothing is a cache. */
const least = 1024;

/** How the library keeps it: ten sizes, ten counts of cores that share them, and how many levels there are. */
const slots = 10;
const words = (...parts: readonly (readonly number[])[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(parts.flat()).buffer);
const filled = (values: readonly number[]): number[] => [
  ...values,
  ...Array<number>(slots - values.length).fill(0),
];
const hidden = words(filled([1, 1, 1]), filled([1, 1, 1]), [usual.length]);
const told = words(filled(usual));

/**
 * Sees to it that oneDNN 3 knows of caches. Throws an Error whose message says in one sentence what is wrong where it takes
 * them for nothing and does not keep that where it is known to.
 */
export function tellCaches(library: Pick<ForeignLibrary, 'symbol' | 'path'>): void {
  const address = library.symbol(question);
  // Libraries that hide their symbols cannot be asked.
  if (address === undefined) return;
  const sizeOf = functionAt(address, 'u(i)');
  if (
    !tellIn(
      () => writableParts(library.path),
      () => sizeOf(1),
    )
  )
    throw new Error(
      'oneDNN 3 finds no caches in this virtual CPU and would divide by zero: let the machine show them (CPUID leaf ' +
        '8000001D), or install oneDNN 2.x',
    );
}

/** Whether the first cache has a size, in the end; `parts`: the memory in which the library keeps it. */
export function tellIn(parts: () => readonly Uint8Array[], firstSize: () => number): boolean {
  if (firstSize() >= least) return true;
  for (const part of parts()) {
    const place = Buffer.from(part.buffer, part.byteOffset, part.length).indexOf(hidden);
    if (place >= 0) part.set(told, place);
  }
  return firstSize() >= least;
}

/** The memory that a library writes to: pages of its file, and those right behind. */
function writableParts(path: string): Uint8Array[] {
  let isBehind = false;
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [range = '', rights = '', , , , name = ''] = line.split(/\s+/);
      const belongs = name === path || (name === '' && isBehind);
      isBehind = belongs;
      if (!belongs || !rights.startsWith('rw')) return [];
      const [begin, end] = range.split('-').map((text) => BigInt(`0x${text}`)) as [bigint, bigint];
      return [viewOf(begin, Number(end - begin))];
    });
}
