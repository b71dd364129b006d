// How much a layer's features tell of the classes (Zeiler & Fergus 2014, section 5.3 and table 7): the network is
// frozen, a linear softmax classifier is trained on what each layer gives, and tested on pictures apart. Layers are
// taken in groups whose features fit in the memory allowed; each group is one pass over the pictures.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { type ProbeError, trainClassifier } from './probe-classifier.ts';
import { frozenFeatures, pointsOf, type RowShape, rowShape, standardise } from './probe-features.ts';
import type { Subject } from './scan.ts';

export interface ProbePictures {
  readonly source: PictureSource;
  /** The class of each picture. */
  readonly labels: Int32Array;
  /** What tells the pictures apart from others; needed where features are kept. */
  readonly checksum?: (() => string) | undefined;
}

export interface ProbeRequest {
  readonly subject: Subject;
  readonly train: ProbePictures;
  readonly test: ProbePictures;
  readonly classes: number;
  readonly engine: Engine;
  /** Of the frozen network; the classifier is trained in f32. */
  readonly dtype: ComputeType;
  /** Paths, and `pixels`; default: the pixels and one for each stretch with weights. */
  readonly layers?: readonly string[] | undefined;
  /** Default 20. */
  readonly epochs?: number | undefined;
  /** Rows per step of the classifier; default 128. */
  readonly batch?: number | undefined;
  /** Default 4; rows have length 1 on average. */
  readonly learningRate?: number | undefined;
  /** Default 0. */
  readonly weightDecay?: number | undefined;
  /** Most features of a layer before it is averaged over positions; default 2048. */
  readonly limit?: number | undefined;
  /** Pictures per run of the network; default 32. */
  readonly pictures?: number | undefined;
  /** Bytes that features may take; default 1 GiB. */
  readonly memory?: number | undefined;
  readonly seed?: number | undefined;
  /** Folder for features, from which a stopped or repeated probe goes on; without it nothing is kept. */
  readonly cache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
  /** Told of stored features that are not used. */
  readonly onNote?: ((message: string) => void) | undefined;
}

export interface LayerProbe {
  readonly layer: string;
  /** Of the layer itself: channels, and positions where it has maps. */
  readonly shape: readonly number[];
  readonly row: RowShape;
  readonly train: ProbeError;
  readonly test: ProbeError;
}

export const probeDefaults = {
  epochs: 20,
  batch: 128,
  learningRate: 4,
  weightDecay: 0,
  limit: 2048,
  pictures: 32,
  memory: 2 ** 30,
  seed: 1,
} as const;

/** Probes each layer. Throws a UserError for what the caller can mend, an AbortError when the signal fires. */
export async function probe(request: ProbeRequest): Promise<LayerProbe[]> {
  const { subject, train, test, classes, engine, dtype, signal, onProgress } = request;
  const { epochs, batch, learningRate, weightDecay, limit, pictures, memory, seed } = {
    ...probeDefaults,
    ...given(request),
  };
  const points = pointsOf(subject.build(1), request.layers).map(({ layer, value }) => ({
    layer,
    shape: value.shape.slice(1),
    row: rowShape(value, limit),
  }));
  const count = train.labels.length + test.labels.length;
  const found: LayerProbe[] = [];
  for (const group of grouped(points, count, memory)) {
    const share = {
      subject,
      layers: group.map(({ layer }) => layer),
      limit,
      engine,
      dtype,
      batch: pictures,
      signal,
    };
    const names = share.layers.join(', ');
    const features = async ({ source, checksum }: ProbePictures, what: string) =>
      frozenFeatures({
        ...share,
        source,
        cache: cacheOf(request, checksum),
        onNote: request.onNote,
        onProgress: (done, total) => onProgress?.(`${what} pictures through ${names}`, done, total),
      });
    const trainRows = await features(train, 'training');
    const testRows = await features(test, 'test');
    for (const [i, point] of group.entries()) {
      const [own, other] = [trainRows[i] as Float32Array, testRows[i] as Float32Array];
      standardise(own, other, point.row.features);
      const errors = await trainClassifier(
        { values: own, labels: train.labels },
        { values: other, labels: test.labels },
        {
          engine,
          features: point.row.features,
          classes,
          epochs,
          batch,
          learningRate,
          weightDecay,
          seed,
          signal,
          onEpoch: (epoch) => onProgress?.(`classifier on ${point.layer}, epoch`, epoch, epochs),
        },
      );
      found.push({ ...point, ...errors });
    }
  }
  return found;
}

/** Where the features of a set of pictures are kept. */
function cacheOf({ cache }: ProbeRequest, checksum: (() => string) | undefined) {
  if (cache === undefined) return undefined;
  if (checksum === undefined) throw new Error('Features can be kept of pictures with a checksum only.');
  return { folder: cache, data: checksum() };
}

type Numbers = { -readonly [K in keyof typeof probeDefaults]?: number };

function given(request: ProbeRequest): Numbers {
  const names = Object.keys(probeDefaults) as (keyof typeof probeDefaults)[];
  return Object.fromEntries(
    names.flatMap((name) => (request[name] === undefined ? [] : [[name, request[name]]])),
  );
}

/** Neighbours whose features fit into the memory together. Throws a UserError for a layer that alone does not. */
export function grouped<T extends { readonly layer: string; readonly row: RowShape }>(
  points: readonly T[],
  count: number,
  memory: number,
): T[][] {
  const groups: T[][] = [];
  let free = 0;
  for (const point of points) {
    const bytes = 4 * count * point.row.features;
    if (bytes > memory) {
      const gib = (value: number): string => `${(value / 2 ** 30).toFixed(1)} GiB`;
      throw new UserError(
        `${point.row.features} features of ${point.layer} for ${count} pictures need ${gib(bytes)}, more than ` +
          `${gib(memory)}. Lower --features, take fewer pictures with --per-class, or allow more with --memory.`,
        { exitCode: 2 },
      );
    }
    if (bytes > free) {
      groups.push([]);
      free = memory;
    }
    groups.at(-1)?.push(point);
    free -= bytes;
  }
  return groups;
}
