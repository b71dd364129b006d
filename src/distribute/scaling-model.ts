// What scaling to expect of data parallel training: the alpha-beta model of an all-reduce (Thakur et al. 2005,
// "Optimization of Collective Communication Operations in MPICH", section 4). A ring of N nodes passes 2 (N - 1)
// messages of bytes / N one after another; each costs alpha seconds, and its bytes at beta bytes a second:
//   t_sum(N) = 2 (N - 1) alpha + 2 (N - 1) / N bytes / beta
// The batch of a node stays the same, so that a step computes as long on N nodes as on one. The backward pass takes
// two thirds of it, and the sum is under way during that time, all but the part of the last bucket.

export interface Work {
  readonly name: string;
  /** Of the gradients, in the format of the wire. */
  readonly bytes: number;
  /** Seconds that a node computes for a step. */
  readonly stepSeconds: number;
}

export interface Network {
  readonly alphaSeconds: number;
  readonly betaBytesPerSecond: number;
}

/** Share of a step in which gradients are made. */
const backwardShare = 2 / 3;
/** What the last bucket holds, bytes: it cannot set out before the backward pass is over. */
const lastBucketBytes = 4 * 2 ** 20;

/** Seconds of a sum of `bytes` over a ring of `nodes`. */
export function sumSeconds(
  bytes: number,
  nodes: number,
  { alphaSeconds, betaBytesPerSecond }: Network,
): number {
  if (nodes === 1) return 0;
  return 2 * (nodes - 1) * alphaSeconds + (2 * (nodes - 1) * bytes) / nodes / betaBytesPerSecond;
}

/** Speed of `nodes` nodes beside that of one, divided by their number: 1 is perfect. */
export function efficiency({ bytes, stepSeconds }: Work, nodes: number, network: Network): number {
  const backward = backwardShare * stepSeconds;
  const last = Math.min(bytes, lastBucketBytes);
  const hidden = Math.max(backward, sumSeconds(bytes - last, nodes, network));
  const exposed = sumSeconds(last, nodes, network);
  return stepSeconds / (stepSeconds - backward + hidden + exposed);
}
