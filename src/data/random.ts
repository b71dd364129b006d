// Counter-based random numbers: each value is a pure function of its keys (seed, epoch, index ...), so any batch
// can be made again from its position alone and threads need no shared state. The mixer is the two-round
// multiply-xorshift of C. Wellons' "Prospecting for Hash Functions" (lowbias32), applied once per key.

const golden = 0x9e3779b9;

/** Bijective mixing of 32 bits (lowbias32): every input bit flips every output bit with probability near 1/2. */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** A uint32 that depends on every key and on their order. Keys are integers; bits above the 53rd are lost. */
export function hash32(...keys: number[]): number {
  let state = mix(golden ^ keys.length);
  for (const key of keys) {
    const high = Math.floor(key / 0x1_0000_0000);
    state = mix(state ^ (key >>> 0)) + golden;
    if (high !== 0) state = mix(state ^ high) + golden;
  }
  return mix(state) >>> 0;
}

/**
 * A stream of floats in [0, 1) with 32 random bits each, fixed by `seed` and `keys`.
 * Streams are told apart by 64 bits of state, so two of them do not run into one another.
 */
export function randomStream(seed: number, ...keys: number[]): () => number {
  const offset = hash32(seed, ...keys, 0);
  const whitening = hash32(seed, ...keys, 1);
  let counter = 0;
  return () => {
    counter = (counter + golden) | 0;
    return (mix(mix(counter ^ offset) + whitening) >>> 0) / 0x1_0000_0000;
  };
}

/** The order in which epoch `epoch` visits `length` items: 0..length-1, shuffled (Fisher-Yates). */
export function permutation(length: number, seed: number, epoch: number): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  const random = randomStream(seed, epoch, length);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order;
}
