// Random numbers that are functions of where they are used: (seed, stream, index) -> number, with no state in
// between. Any element of any mask or initial weight can be made again, in any order, by any engine.
// The mixing is MurmurHash3's 32-bit finaliser (Appleby, public domain), applied once per key: two rounds, so
// that two seeds never give one sequence with its indices merely permuted.

function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The two words that a (seed, stream) pair stands for; make them once, then use `hashWithKey` per element. */
export interface HashKey {
  readonly first: number;
  readonly second: number;
}

/** Seeds may be any whole number up to 2^53: the bits above 32 count as well. */
export function hashKey(seed: number, stream: number): HashKey {
  const high = Math.floor(seed / 2 ** 32);
  const first = mix((mix((seed | 0) + 0x3c6ef372) ^ high) + Math.imul(stream, 0x9e3779b1));
  return { first, second: mix(first + 0x7f4a7c15) };
}

/** A whole number in [0, 2^32). */
export function hashWithKey(key: HashKey, index: number): number {
  return mix(mix(index ^ key.first) ^ key.second) >>> 0;
}

/** A whole number in [0, 2^32), the same for the same three numbers. */
export function hash(seed: number, stream: number, index: number): number {
  return hashWithKey(hashKey(seed, stream), index);
}

/** Evenly spread over [0, 1). */
export function uniform(seed: number, stream: number, index: number): number {
  return hash(seed, stream, index) / 2 ** 32;
}

/** `count` numbers evenly spread over [0, 1), in `numbers`: element i is `uniform(seed, stream, first + i)`. */
export function uniforms(
  seed: number,
  stream: number,
  count: number,
  first = 0,
  numbers = new Float64Array(count),
): Float64Array {
  const key = hashKey(seed, stream);
  for (let i = 0; i < count; i++) numbers[i] = hashWithKey(key, first + i) / 2 ** 32;
  return numbers;
}

/**
 * `count` numbers of the standard normal distribution (Box & Muller 1958, two hashes for each), in `numbers`: element i
 * is `normal(seed, stream, first + i)`.
 */
export function normals(
  seed: number,
  stream: number,
  count: number,
  first = 0,
  numbers = new Float64Array(count),
): Float64Array {
  const key = hashKey(seed, stream);
  for (let i = 0; i < count; i++) {
    const at = 2 * (first + i);
    const radius = Math.sqrt(-2 * Math.log((hashWithKey(key, at) + 1) / 2 ** 32));
    numbers[i] = radius * Math.cos((2 * Math.PI * hashWithKey(key, at + 1)) / 2 ** 32);
  }
  return numbers;
}

/** One number of the standard normal distribution: element `index` of `normals`. */
export function normal(seed: number, stream: number, index: number): number {
  const key = hashKey(seed, stream);
  const radius = Math.sqrt(-2 * Math.log((hashWithKey(key, 2 * index) + 1) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * hashWithKey(key, 2 * index + 1)) / 2 ** 32);
}

/** A stream number for a name, so that each name has random numbers of its own (FNV-1a over UTF-16 units). */
export function streamOf(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
