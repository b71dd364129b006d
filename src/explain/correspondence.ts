// Correspondence (Zeiler & Fergus 2014, section 4.3, table 1): cover the same part, say the left eye, in several
// pictures. If a layer knows of the part, covering it changes the features in the same direction in all of them:
//   eps_i = x_i - x~_i   (features of the whole picture less those with the part covered)
//   Delta_l = sum over pairs i != j of Hamming(sign eps_i, sign eps_j)
// Hamming distances are per element, the share of features whose signs (-1, 0 or 1) differ. The paper's table gives their
// mean over the pairs, lower for parts that correspond than for random places. Random: boxes of the same sizes anywhere
// in the picture, drawn anew several times from a seed.
import { randomStream } from '../data/random.ts';
import { UserError } from '../errors.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { describeFeatures, type FeatureRequest, forEachSeen } from './invariance-features.ts';
import { lastMapsAndFeatures } from './invariance-layers.ts';
import type { Box } from './layer.ts';
import { copyPart, type Fill, filledPicture } from './occlusion-fill.ts';

/** `layers` default to the last one with maps and the last layer of features. */
export interface CorrespondenceRequest extends FeatureRequest {
  readonly preprocessing: Preprocessing;
  /** N x C x H x W, prepared; N at least 2. */
  readonly images: Float32Array;
  readonly parts: readonly string[];
  /** Of each picture, in the order of the parts, px of the network's input. */
  readonly boxes: readonly (readonly Box[])[];
  /** Default gray. */
  readonly fill?: Fill | undefined;
  /** Random boxes for each part and picture; default 10. */
  readonly draws?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
}

/** Shares of features whose signs differ, over pairs of pictures. */
export interface SignChange {
  /** Mean over the pairs (and the draws): what table 1 gives. */
  readonly mean: number;
  /** Standard deviation over the pairs, and that over the root of their number. */
  readonly deviation: number;
  readonly standardError: number;
  /** Delta_l: the sum over ordered pairs, i != j; of random boxes the mean over the draws. */
  readonly delta: number;
  /** Pairs (1,2), (1,3) ... (2,3) ..., of random boxes one such list for each part and draw. */
  readonly pairs: Float32Array;
}

export interface LayerCorrespondence {
  readonly layer: string;
  /** In the order of the parts. */
  readonly parts: readonly SignChange[];
  readonly random: SignChange;
}

export interface Correspondence {
  readonly parts: readonly string[];
  readonly pictures: number;
  readonly draws: number;
  readonly layers: readonly LayerCorrespondence[];
  /** draws x parts x pictures. */
  readonly randomBoxes: readonly (readonly (readonly Box[])[])[];
}

const usualDraws = 10;

/** Throws a UserError: fewer than two pictures, no part, or no such layer. */
export async function measureCorrespondence(given: CorrespondenceRequest): Promise<Correspondence> {
  const request = { ...given, layers: given.layers ?? lastMapsAndFeatures };
  const { images, parts, boxes, preprocessing, fill = 'gray', draws = usualDraws, seed = 1 } = request;
  const { layers, size } = describeFeatures(request);
  const pictures = images.length / (size.channels * size.height * size.width);
  if (pictures < 2 || parts.length === 0 || boxes.length !== pictures) {
    throw new UserError(
      `Correspondence got ${pictures} pictures, boxes for ${boxes.length} and ${parts.length} parts, expected at least ` +
        'two pictures, boxes for each, and a part.',
      { exitCode: 2 },
    );
  }
  const randomBoxes = drawBoxes(boxes, parts.length, size, draws, seed);
  // One set of boxes after the other: the parts, then the draws; each covers every picture once.
  const sets = [...parts.map((_, part) => boxes.map((own) => own[part] as Box)), ...randomBoxes.flat()];
  const length = images.length / pictures;
  const whole: Float32Array[][] = [];
  let signs: Int8Array[][] = [];
  const hamming = layers.map(() => sets.map((): number[] => []));
  // Each picture keeps its place in the batch: a library may round the rows of a batch in different ways, and signs of
  // what does not change must be 0.
  const batch = Math.min(request.batch ?? pictures, pictures);
  await forEachSeen(
    { ...request, batch },
    pictures * (1 + sets.length),
    (index, into, offset) => {
      const [set, picture] = [Math.floor(index / pictures) - 1, index % pictures];
      const image = images.subarray(picture * length, (picture + 1) * length);
      into.set(image, offset);
      const box = sets[set]?.[picture];
      if (box === undefined) return;
      const side = Math.max(box.bottom - box.top, box.right - box.left);
      copyPart(into, offset, filledPicture(image, size, preprocessing, fill, side), size, box);
    },
    (index, { features }) => {
      const [set, picture] = [Math.floor(index / pictures) - 1, index % pictures];
      if (set < 0) {
        whole.push(features.map((values) => Float32Array.from(values)));
        return;
      }
      if (picture === 0) signs = [];
      const own = features.map((values, i) => signsOf(whole[picture]?.[i] as Float32Array, values));
      // Pairs with this picture, so that no more than one set's signs are in memory.
      for (const [i, each] of own.entries()) {
        for (const before of signs) hamming[i]?.[set]?.push(share(before[i] as Int8Array, each));
      }
      signs.push(own);
    },
  );
  return {
    parts,
    pictures,
    draws,
    randomBoxes,
    layers: layers.map(({ path }, i) => {
      const lists = (hamming[i] ?? []).map((list) => inOrder(list, pictures));
      return {
        layer: path,
        parts: lists.slice(0, parts.length).map((list) => summarise(list, 1)),
        random: summarise(lists.slice(parts.length).flat(), draws * parts.length),
      };
    }),
  };
}

/** Boxes of the same sizes anywhere in the picture: draws x parts x pictures. */
export function drawBoxes(
  boxes: readonly (readonly Box[])[],
  parts: number,
  { height, width }: { readonly height: number; readonly width: number },
  draws: number,
  seed: number,
): Box[][][] {
  return Array.from({ length: draws }, (_, draw) =>
    Array.from({ length: parts }, (_, part) =>
      boxes.map((own, picture) => {
        const { top, left, bottom, right } = own[part] as Box;
        const random = randomStream(seed, draw, part, picture);
        const [high, wide] = [bottom - top, right - left];
        const [y, x] = [
          Math.floor(random() * (height - high + 1)),
          Math.floor(random() * (width - wide + 1)),
        ];
        return { top: y, left: x, bottom: y + high, right: x + wide };
      }),
    ),
  );
}

/** Signs of a - b. */
function signsOf(a: ArrayLike<number>, b: ArrayLike<number>): Int8Array {
  return Int8Array.from({ length: a.length }, (_, i) => Math.sign((a[i] as number) - (b[i] as number)));
}

function share(a: Int8Array, b: Int8Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count / a.length;
}

/** From (1,2), (1,3), (2,3), (1,4) ..., as pictures came, to (1,2), (1,3), (1,4), (2,3) ... */
function inOrder(list: readonly number[], pictures: number): number[] {
  const ordered: number[] = [];
  for (let i = 0; i < pictures; i++) {
    for (let j = i + 1; j < pictures; j++) ordered.push(list[(j * (j - 1)) / 2 + i] as number);
  }
  return ordered;
}

/** `sets`: how many lists of pairs `values` holds. */
function summarise(values: readonly number[], sets: number): SignChange {
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  return {
    mean,
    deviation,
    standardError: deviation / Math.sqrt(values.length),
    delta: (2 * sum) / sets,
    pairs: Float32Array.from(values),
  };
}
