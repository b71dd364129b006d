// Probabilities of each picture of a source, averaged over the views of a protocol and over networks. Pictures are
// taken a chunk at a time; while the engine computes one chunk, sharp's threads decode the next, and no more than
// these two are in memory. The softmax is taken here, in double precision, from each network's logits.

import { type RankShare, wholeShare } from '../data/part.ts';
import type { Raster } from '../data/raster.ts';
import { scaledSize } from '../data/raster.ts';
import type { Size } from '../data/resample.ts';
import type { ComputeType, Engine, Program } from '../engines/engine.ts';
import { type Window, windowsOf } from './crops.ts';
import { compileMember, type Member } from './member.ts';
import type { PictureSource } from './sources.ts';
import { denseSize, scalingFor, writeView } from './views.ts';

export interface PredictOptions {
  readonly engine: Engine;
  readonly dtype: ComputeType;
  /** Views per run at the networks' own size; larger views come in smaller batches. */
  readonly batch: number;
  /** One of several ranks answers for every so manieth run's pictures, as one process runs them; default all. */
  readonly share?: RankShare;
  /** Whether prepared weights are kept for the next process; default false. */
  readonly weightsCache?: boolean | undefined;
  readonly signal?: AbortSignal;
}

export interface Prediction {
  readonly index: number;
  /** In the order of all pictures, whoever answers for them. */
  readonly place: number;
  /** One per class; their sum is 1. */
  readonly probabilities: Float64Array;
}

/** One scale of one network's protocol: what is shown of pictures that have been scaled alike. */
interface Station {
  readonly member: Member;
  readonly scale: number | undefined;
  /** What the network is shown, px. */
  readonly shown: Size;
}

/** Pictures that are shown at the same sizes, and so share programs. */
interface Group {
  readonly indices: number[];
  readonly stations: readonly Station[];
  /** Of the pictures, where it had to be looked up. */
  readonly originals?: Map<number, Size>;
}

/** Yields each picture once, in the source's order except for dense tests, which go by size. */
export async function* predict(
  source: PictureSource,
  members: readonly Member[],
  options: PredictOptions,
): AsyncGenerator<Prediction> {
  let before = 0;
  for (const group of await groupsOf(source, members)) {
    yield* predictGroup(source, members, group, before, options);
    before += group.indices.length;
  }
}

async function groupsOf(source: PictureSource, members: readonly Member[]): Promise<Group[]> {
  const indices = Array.from({ length: source.length }, (_, index) => index);
  if (members.every(({ protocol }) => protocol.crops !== 'dense')) {
    return [{ indices, stations: stationsOf(members, () => undefined) }];
  }
  const groups = new Map<string, Group & { originals: Map<number, Size> }>();
  for (const index of indices) {
    const size = await source.size(index);
    const stations = stationsOf(members, ({ protocol, preprocessing }, scale) => {
      const scaled = scaledSize(size, scalingFor(protocol, preprocessing, scale));
      return denseSize(scaled, protocol.crop);
    });
    const key = JSON.stringify(stations.map(({ shown }) => [shown.height, shown.width]));
    const group = groups.get(key) ?? { indices: [] as number[], stations, originals: new Map() };
    group.indices.push(index);
    group.originals.set(index, size);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function stationsOf(
  members: readonly Member[],
  dense: (member: Member, scale: number | undefined) => Size | undefined,
): Station[] {
  return members.flatMap((member) =>
    member.protocol.scales.map((scale) => ({
      member,
      scale,
      shown: dense(member, scale) ?? member.protocol.crop,
    })),
  );
}

interface Job {
  readonly place: number;
  readonly raster: Raster;
  readonly window: Window;
}

async function* predictGroup(
  source: PictureSource,
  members: readonly Member[],
  group: Group,
  before: number,
  options: PredictOptions,
): AsyncGenerator<Prediction> {
  const { indices, stations } = group;
  const { rank, size } = options.share ?? wholeShare;
  const views = Math.max(...stations.map(viewsAt));
  const limits = stations.map(({ member, shown }) => {
    const { crop } = member.protocol;
    const share = (crop.height * crop.width) / (shown.height * shown.width);
    return Math.max(1, Math.floor(options.batch * share));
  });
  const most = Math.max(1, Math.floor(Math.min(...limits) / views));
  const chunkLength = Math.min(indices.length, most);
  const starts = Array.from(
    { length: Math.ceil(indices.length / chunkLength) },
    (_, i) => i * chunkLength,
  ).filter((_, i) => i % size === rank);
  const chunks = starts.map((start) => indices.slice(start, start + chunkLength));
  if (chunks.length === 0) return;
  const runners: Runner[] = [];
  try {
    // The engine leaves JavaScript no turn while it computes, so what sharp is to do meanwhile must have been told
    // completely before: sizes are looked up two chunks ahead, pictures decoded one chunk ahead.
    const look = (chunk: readonly number[] = []) => unawaited(sizesOf(source, group, chunk));
    const decode = (chunk: readonly number[] = [], sizes: readonly Size[] = []) =>
      unawaited(decodeChunk(source, group, chunk, sizes));
    let ahead = decode(chunks[0], await look(chunks[0]));
    let sizesAhead = look(chunks[1]);
    // Compiling too is a long call, during which the first pictures are decoded.
    for (const [i, station] of stations.entries()) {
      const total = chunkLength * viewsAt(station);
      const batch = Math.ceil(total / Math.ceil(total / (limits[i] as number)));
      runners.push(createRunner(station, batch, options));
    }
    for (const [i, chunk] of chunks.entries()) {
      options.signal?.throwIfAborted();
      const rasters = await ahead;
      ahead = decode(chunks[i + 1], await sizesAhead);
      sizesAhead = look(chunks[i + 2]);
      const results = chunk.map((index, place) => ({
        index,
        place: before + (starts[i] as number) + place,
        probabilities: new Float64Array(members[0]?.classes ?? 0),
      }));
      for (const [s, station] of stations.entries()) {
        const jobs = chunk.flatMap((_, place) => jobsOf(station, place, rasters[s]?.[place] as Raster));
        const share = 1 / (viewsAt(station) * station.member.protocol.scales.length * members.length);
        (runners[s] as Runner).run(jobs, results, share);
      }
      yield* results;
      // Signals and timers get their turn between the engine's long calls.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    for (const runner of runners) runner.dispose();
  }
}

function viewsAt({ member }: Station): number {
  const { views, scales } = member.protocol;
  return views / scales.length;
}

/** A failure is thrown when its turn comes; until then it is nobody's. */
function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function sizesOf(source: PictureSource, { originals }: Group, chunk: readonly number[]): Promise<Size[]> {
  return Promise.all(chunk.map(async (index) => originals?.get(index) ?? source.size(index)));
}

/** rasters[station][place]; stations that want the same pictures share them. `sizes`: the pictures' own. */
async function decodeChunk(
  source: PictureSource,
  { stations }: Group,
  chunk: readonly number[],
  sizes: readonly Size[],
): Promise<Raster[][]> {
  const shared = new Map<string, Promise<Raster>[]>();
  const wanted = stations.map(({ member, scale }) => {
    const { channels } = member.preprocessing;
    const scaling = scalingFor(member.protocol, member.preprocessing, scale);
    const key = JSON.stringify([channels, scaling]);
    const pictures =
      shared.get(key) ?? chunk.map((index, place) => source.raster(index, channels, scaling, sizes[place]));
    shared.set(key, pictures);
    return pictures;
  });
  return Promise.all(wanted.map((pictures) => Promise.all(pictures)));
}

function jobsOf({ member, shown }: Station, place: number, raster: Raster): Job[] {
  return windowsOf(member.protocol.crops, raster, shown).map((window) => ({ place, raster, window }));
}

interface Runner {
  /** Adds `share` of each view's softmax to its picture's result. */
  run(jobs: readonly Job[], results: readonly Prediction[], share: number): void;
  dispose(): void;
}

function createRunner({ member, shown }: Station, batch: number, options: PredictOptions): Runner {
  const { preprocessing, classes } = member;
  const { channels, pad } = preprocessing;
  const size = channels * (shown.height + 2 * pad) * (shown.width + 2 * pad);
  const images = new Float32Array(batch * size);
  const program: Program = compileMember(
    member,
    shown,
    batch,
    options.engine,
    options.dtype,
    options.weightsCache,
  );
  return {
    run(jobs, results, share) {
      for (let first = 0; first < jobs.length; first += batch) {
        const some = jobs.slice(first, first + batch);
        for (const [slot, { raster, window }] of some.entries()) {
          writeView(images, slot * size, raster, window, shown, preprocessing);
        }
        const logits = program.run({ images }).logits as Float32Array;
        for (const [slot, { place }] of some.entries()) {
          addSoftmax((results[place] as Prediction).probabilities, logits, slot * classes, share);
        }
      }
    },
    dispose: () => program.dispose(),
  };
}

function addSoftmax(sums: Float64Array, logits: ArrayLike<number>, start: number, share: number): void {
  const classes = sums.length;
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[start + c] as number);
  let total = 0;
  for (let c = 0; c < classes; c++) total += Math.exp((logits[start + c] as number) - largest);
  for (let c = 0; c < classes; c++) {
    const value = Math.exp((logits[start + c] as number) - largest);
    sums[c] = (sums[c] as number) + (share * value) / total;
  }
}
