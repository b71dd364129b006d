// Pairs of pictures are made and summed up a few at a time, so that caches keep them.

/** Pairs that are summed up at a time, and the first of them. */
export interface PairChunk {
  readonly first: number;
  readonly pairs: number;
}

/** `pairBytes`: of one pair of all operands; `sumBytes`: of the sums; `nearBytes`: what a cache keeps. The first is the largest. */
export function pairChunks(
  pairs: number,
  pairBytes: number,
  sumBytes: number,
  nearBytes: number,
): PairChunk[] {
  // Sums that go to memory and back are to be few beside what is read for them.
  const atATime = Math.min(pairs, Math.ceil(Math.max(nearBytes, 2 * sumBytes) / pairBytes));
  return Array.from({ length: Math.ceil(pairs / atATime) }, (_, i) => {
    const first = i * atATime;
    return { first, pairs: Math.min(atATime, pairs - first) };
  });
}
