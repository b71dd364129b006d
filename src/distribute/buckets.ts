// Gradients travel in buckets, in the order in which the backward pass makes them: one message per tensor would be
// mostly waiting, one for all could not set out before the end (Li et al. 2020, "PyTorch Distributed", section 3.2).
import type { Value } from '../graph/graph.ts';
import { type Exchange, exchangeSums, type OncePerUpdate } from '../graph/ops/exchange.ts';
import { elementCount } from '../graph/tensor.ts';

/** Bytes of f32 in a bucket; a larger tensor has a bucket of its own. */
const bucketBytes = 4 * 2 ** 20;

/** The sums of `gradients` over all ranks, in the same order; with `once`, made on the last step of an update alone. */
export function sumOverRanks(gradients: readonly Value[], exchange: Exchange, once?: OncePerUpdate): Value[] {
  const buckets = bucketsOf(gradients).map((bucket, place) => ({
    bucket,
    message: exchangeSums(bucket, exchange, `gradients ${place}`, once),
  }));
  const sums = new Map<Value, Value>();
  for (const { bucket, message } of buckets) {
    for (const [place, sum] of message.finish().entries()) sums.set(bucket[place] as Value, sum);
  }
  return gradients.map((gradient) => sums.get(gradient) as Value);
}

/** Which of two values is made first. */
export function byMaking(a: Value, b: Value): number {
  const made = ({ source }: Value): number => (source.kind === 'node' ? source.node.id : -1);
  return made(a) - made(b);
}

/** Values in the order of the nodes that make them, in buckets. */
export function bucketsOf(values: readonly Value[], limit = bucketBytes): Value[][] {
  const buckets: Value[][] = [];
  let room = 0;
  for (const value of [...new Set(values)].sort(byMaking)) {
    const bytes = 4 * elementCount(value.shape);
    if (bytes > room) {
      buckets.push([]);
      room = limit;
    }
    buckets.at(-1)?.push(value);
    room -= bytes;
  }
  return buckets;
}
