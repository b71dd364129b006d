// Invariance (Zeiler & Fergus 2014, section 4.1, figure 5): pictures are moved up and down, enlarged and turned; how far
// do their features go, in the first and in the last layer, and how probable does the class stay? Distances are
// Euclidean, raw as in the paper, and relative to the length of the untransformed features, which makes layers comparable.
import { UserError } from '../errors.ts';
import { describeFeatures, type FeatureRequest, forEachSeen } from './invariance-features.ts';
import {
  identity,
  type Transformation,
  transformInto,
  usualTransformations,
} from './invariance-transform.ts';

export interface InvarianceRequest extends FeatureRequest {
  /** N x C x H x W, prepared. */
  readonly images: Float32Array;
  /** The true class of each picture; undefined: the most probable one of the untransformed picture. */
  readonly classes?: readonly (number | undefined)[] | undefined;
  /** Default `usualTransformations`. */
  readonly transformations?: readonly Transformation[] | undefined;
}

export interface TransformationResult extends Transformation {
  /** layers x pictures x amounts. */
  readonly distance: Float32Array;
  /** The same over the length of the untransformed features; 0 where these are 0 and nothing changes. */
  readonly relative: Float32Array;
  /** pictures x amounts, of each picture's class. */
  readonly probability: Float32Array;
}

export interface Invariance {
  readonly layers: readonly string[];
  readonly pictures: number;
  readonly classes: readonly number[];
  /** Of the untransformed pictures. */
  readonly probabilities: readonly number[];
  /** layers x pictures: lengths of the untransformed features. */
  readonly norms: readonly (readonly number[])[];
  readonly transformations: readonly TransformationResult[];
}

/** Throws a UserError: no such layer, or a transformation that is none. */
export async function measureInvariance(request: InvarianceRequest): Promise<Invariance> {
  const { images, classes = [] } = request;
  const { layers, size } = describeFeatures(request);
  const transformations = request.transformations ?? usualTransformations(size.height);
  for (const { kind, amounts } of transformations) {
    const bad = amounts.find((amount) => !Number.isFinite(amount) || (kind === 'scale' && amount <= 0));
    if (bad === undefined && amounts.length > 0) continue;
    const got = bad === undefined ? 'no amounts' : `the amount ${bad}`;
    throw new UserError(`${kind} got ${got}, expected ${kind === 'scale' ? 'factors above 0' : 'numbers'}.`, {
      exitCode: 2,
    });
  }
  const length = size.channels * size.height * size.width;
  const pictures = images.length / length;
  // Each picture as it is, then transformed in every way.
  const jobs = [
    { kind: 'translation', amount: identity.translation, result: -1, at: 0 } as const,
    ...transformations.flatMap(({ kind, amounts }, result) =>
      amounts.map((amount, at) => ({ kind, amount, result, at })),
    ),
  ];
  const results = transformations.map((transformation): TransformationResult => {
    const count = pictures * transformation.amounts.length;
    return {
      ...transformation,
      distance: new Float32Array(layers.length * count),
      relative: new Float32Array(layers.length * count),
      probability: new Float32Array(count),
    };
  });
  const chosen: number[] = [];
  const probabilities: number[] = [];
  const norms = layers.map((): number[] => []);
  let whole: Float64Array[] = [];
  await forEachSeen(
    request,
    pictures * jobs.length,
    (index, into, offset) => {
      const [picture, job] = [Math.floor(index / jobs.length), jobs[index % jobs.length]];
      if (job === undefined) return;
      const image = images.subarray(picture * length, (picture + 1) * length);
      transformInto(into, offset, image, size, job.kind, job.amount);
    },
    (index, { features, probabilities: seen }) => {
      const [picture, job] = [Math.floor(index / jobs.length), jobs[index % jobs.length]];
      const result = results[job?.result ?? -1];
      if (job === undefined || result === undefined) {
        whole = features.map((values) => Float64Array.from(values));
        for (const [i, values] of whole.entries()) norms[i]?.push(euclidean(values));
        const own = classes[picture] ?? seen.indexOf(Math.max(...seen));
        chosen.push(own);
        probabilities.push(seen[own] as number);
        return;
      }
      const count = result.amounts.length;
      // The same input has the same features; a library may round the rows of a batch in different ways.
      const still = job.amount === identity[job.kind];
      for (const [i, values] of features.entries()) {
        const distance = still ? 0 : euclidean(values, whole[i]);
        const place = (i * pictures + picture) * count + job.at;
        result.distance[place] = distance;
        result.relative[place] = distance === 0 ? 0 : distance / (norms[i]?.[picture] as number);
      }
      const own = still ? probabilities[picture] : seen[chosen[picture] as number];
      result.probability[picture * count + job.at] = own as number;
    },
  );
  return {
    layers: layers.map(({ path }) => path),
    pictures,
    classes: chosen,
    probabilities,
    norms,
    transformations: results,
  };
}

/** The distance of two vectors, or the length of one, in double precision. */
function euclidean(a: ArrayLike<number>, b?: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++)
    sum += ((a[i] as number) - (b === undefined ? 0 : (b[i] as number))) ** 2;
  return Math.sqrt(sum);
}
