// The order in which an epoch visits pictures: a pure function of (seed, epoch), so that a run can be taken up at any
// batch. Files and packs are read at random. Shards are read nearly as they lie, as WebDataset does: shards shuffled,
// then each picture put off by a random while in a buffer of bounded length.
import { permutation, randomStream } from '../random.ts';
import type { PictureIndex, TarStore } from './picture-index.ts';

/** Pictures in the buffer, and shards that feed it side by side. */
const buffered = 4096;
const neighbours = 4;

/** `indices`, each once, in the order that `epoch` visits them. */
export function epochOrder(
  index: Pick<PictureIndex, 'store'>,
  indices: Uint32Array,
  seed: number,
  epoch: number,
): Uint32Array {
  const { store } = index;
  if (store.kind === 'tar' && store.mixed) return shardOrder(store, indices, seed, epoch);
  const order = permutation(indices.length, seed, epoch);
  // In place, and without a call for each of a million: an epoch is not to begin with a pause.
  for (let i = 0; i < order.length; i++) order[i] = indices[order[i] as number] as number;
  return order;
}

function shardOrder(store: TarStore, indices: Uint32Array, seed: number, epoch: number): Uint32Array {
  const shards = new Map<number, number[]>();
  for (const index of indices) {
    const shard = store.file[index] as number;
    const members = shards.get(shard);
    if (members === undefined) shards.set(shard, [index]);
    else members.push(index);
  }
  // Which shards come together must not hang on the order in which the caller named the pictures.
  const numbers = [...shards.keys()].sort((a, b) => a - b);
  const visited = Array.from(permutation(numbers.length, seed, epoch), (place) => {
    const members = shards.get(numbers[place] as number) as number[];
    return Uint32Array.from(members).sort();
  });
  const stream = interleaved(visited, indices.length);
  const order = new Uint32Array(indices.length);
  const random = randomStream(seed, epoch, indices.length, 1);
  const buffer = new Uint32Array(Math.min(buffered, indices.length));
  buffer.set(stream.subarray(0, buffer.length));
  let next = buffer.length;
  let held = buffer.length;
  for (let at = 0; at < order.length; at++) {
    const place = Math.floor(random() * held);
    order[at] = buffer[place] as number;
    buffer[place] = next < stream.length ? (stream[next++] as number) : (buffer[--held] as number);
  }
  return order;
}

/** One picture of each of a few shards in turn, each shard forwards; the next shard begins where one ends. */
function interleaved(shards: readonly Uint32Array[], length: number): Uint32Array {
  const stream = new Uint32Array(length);
  const open: { shard: Uint32Array; at: number }[] = [];
  let unopened = 0;
  for (let at = 0; at < length; ) {
    while (open.length < neighbours && unopened < shards.length) {
      open.push({ shard: shards[unopened++] as Uint32Array, at: 0 });
    }
    for (let i = 0; i < open.length; i++) {
      const one = open[i] as (typeof open)[number];
      stream[at++] = one.shard[one.at++] as number;
      if (one.at === one.shard.length) open.splice(i--, 1);
    }
  }
  return stream;
}
