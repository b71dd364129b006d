// Weight gradients as plain matrix products. Between pictures with their channels last and zeros around them, one
// filter element's gradient is one product: the output's gradient (pixels x outputs, transposed) times the picture
// (pixels x channels) shifted by some pixels. The zeros at the end of a row serve the next row as its beginning, so that
// a picture needs one border, not two. Strided windows meet the picture in phases (phases.ts), each a buffer of its own.
// A 1x1 filter needs no border: one product.
//
// For AMX, where oneDNN 2.6's primitive stays far below the speed of its matrix products.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionBackwardWeightsAttributes } from '../../../graph/ops/convolution.ts';
import { argument, elementBytes, type Layout, type PrimitiveDescriptor } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { type Phase, phasesOf, type Tap } from './phases.ts';
import {
  canCopy,
  clearPictures,
  copyPictures,
  type Pictures,
  picturesOf,
  pitched,
  within,
} from './pictures.ts';
import type { Implementation } from './ways.ts';

/** Rows of all pictures one after the other, with their borders. */
interface Rows {
  readonly tensor: Tensor;
  /** Rows before the first picture. */
  readonly lead: number;
}

interface Plan {
  readonly n: number;
  readonly c: number;
  readonly o: number;
  readonly output: readonly [number, number];
  /** Room for the rows and columns of a picture. */
  readonly pitch: readonly [number, number];
  /** Rows of the products. */
  readonly length: number;
  readonly phases: readonly (readonly [Phase, Phase])[];
}

export const shiftedProducts: Implementation = {
  name: 'shifted matrix products',
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const plan = planOf(node);
    const wanted = primitive.layout('diffWeights');
    if (plan === undefined || wanted === undefined) return false;
    const { c, o, length } = plan;
    const type = lowering.storageType(x);
    const product = natives.describe('matrixProduct', {
      src: natives.strided([o, length], type, [1, o]),
      weights: natives.strided([length, c], type, [c, 1]),
      dst: natives.plainLayout([o, c], 'f32'),
    });
    const sum = db && describeBias(lowering, plan, type);
    if (product === undefined || (db !== undefined && sum === undefined)) return false;

    const gradient = gradientRows(lowering, node, dy, plan, primitive);
    const [kh, kw] = dw.shape.slice(2) as [number, number];
    const taps = lowering.temporary(natives.plainLayout([kh * kw, o, c], 'f32'));
    for (const [rows, columns] of plan.phases) {
      const picture = pictureRows(lowering, node, x, plan, [rows, columns], primitive);
      for (const u of rows.taps) {
        for (const v of columns.taps) {
          const first = picture.lead + shiftOf(u, v, plan);
          const shifted = {
            layout: natives.strided([length, c], type, [c, 1]),
            storage: picture.tensor.storage,
            byteOffset: (picture.tensor.byteOffset ?? 0) + first * c * elementBytes[type],
          };
          const tap = {
            layout: natives.plainLayout([o, c], 'f32'),
            storage: taps.storage,
            byteOffset: (u.index * kw + v.index) * o * c * elementBytes.f32,
          };
          lowering.step(
            node,
            product,
            [
              [argument.src, { ...gradient, layout: natives.strided([o, length], type, [1, o]) }],
              [argument.weights, shifted],
            ],
            [[argument.dst, tap]],
          );
        }
      }
    }
    // The products lie one filter element after the other.
    const filters = natives.strided([o, c, kh, kw], 'f32', [c, 1, kw * o * c, o * c]);
    lowering.move(node, { layout: filters, storage: taps.storage }, lowering.define(dw, wanted));
    if (db !== undefined && sum !== undefined) {
      const total = lowering.define(db, lowering.plainLayout(db));
      const ones = lowering.constant(length, 1, type);
      lowering.step(
        node,
        sum,
        [
          [argument.src, { ...ones, layout: natives.plainLayout([1, length], type) }],
          [argument.weights, { ...gradient, layout: natives.strided([length, o], type, [o, 1]) }],
        ],
        [[argument.dst, { ...total, layout: natives.plainLayout([1, o], 'f32') }]],
      );
    }
    return true;
  },
};

/** A bias's gradient: a row of ones times the output's gradient. */
function describeBias(
  { natives }: Lowering,
  { o, length }: Plan,
  type: Layout['type'],
): PrimitiveDescriptor | undefined {
  return natives.describe('matrixProduct', {
    src: natives.plainLayout([1, length], type),
    weights: natives.strided([length, o], type, [o, 1]),
    dst: natives.plainLayout([1, o], 'f32'),
  });
}

function planOf(node: Node): Plan | undefined {
  const { stride, padding, dilation, groups } = node.attributes as ConvolutionBackwardWeightsAttributes;
  const [x, dy] = node.inputs as [Value, Value];
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [, o, oh, ow] = dy.shape as [number, number, number, number];
  const [kh, kw] = (node.outputs[0] as Value).shape.slice(2) as [number, number];
  if (groups > 1) return undefined;
  const met = ({ taps }: Phase): boolean => taps.length > 0;
  const rows = phasesOf(h, kh, stride[0], padding[0], dilation[0]).filter(met);
  const columns = phasesOf(w, kw, stride[1], padding[1], dilation[1]).filter(met);
  if ([...rows, ...columns].some(({ count }) => count === 0)) return undefined;
  const pitch = [pitchOf(rows, oh), pitchOf(columns, ow)] as const;
  return {
    n,
    c,
    o,
    output: [oh, ow],
    pitch,
    length: ((n - 1) * pitch[0] + oh - 1) * pitch[1] + ow,
    phases: rows.flatMap((row) => columns.map((column) => [row, column] as const)),
  };
}

/** Room for all rows of any phase and for the zeros that windows reach before and after them. */
function pitchOf(phases: readonly Phase[], outputs: number): number {
  return Math.max(
    ...phases.map(({ count, taps }) => {
      const shifts = taps.map(({ shift }) => shift);
      return Math.max(count + Math.max(0, -Math.min(...shifts)), outputs + Math.max(0, ...shifts));
    }),
  );
}

function shiftOf(u: Tap, v: Tap, { pitch }: Plan): number {
  return u.shift * pitch[1] + v.shift;
}

/** The output's gradient at the pitch of the picture, zeros between. */
function gradientRows(
  lowering: Lowering,
  node: Node,
  dy: Value,
  plan: Plan,
  primitive: PrimitiveDescriptor,
): Tensor {
  const { n, o, output, pitch } = plan;
  const { natives } = lowering;
  const type = lowering.storageType(dy);
  if (output[0] === pitch[0] && output[1] === pitch[1])
    return lowering.as(dy, natives.channelsLast(dy.shape, type));
  const tensor = lowering.temporary(natives.plainLayout([n * pitch[0] * pitch[1], o], type));
  const room = pitched(tensor.storage, type, { n, c: o }, pitch);
  fill(lowering, node, handedPictures(lowering, dy, primitive.layout('diffDst')), room, output);
  return tensor;
}

/** One phase of the picture with its border. */
function pictureRows(
  lowering: Lowering,
  node: Node,
  x: Value,
  plan: Plan,
  [rows, columns]: readonly [Phase, Phase],
  primitive: PrimitiveDescriptor,
): Rows {
  const { natives } = lowering;
  const { n, c, pitch, length } = plan;
  const { stride } = node.attributes as ConvolutionBackwardWeightsAttributes;
  const type = lowering.storageType(x);
  const shifts = rows.taps.flatMap((u) => columns.taps.map((v) => shiftOf(u, v, plan)));
  const lead = Math.max(0, -Math.min(...shifts));
  const whole = n * pitch[0] * pitch[1];
  const tail = Math.max(0, length + Math.max(...shifts) - whole);
  const [, , h, w] = x.shape as [number, number, number, number];
  const isWhole = stride[0] === 1 && stride[1] === 1 && pitch[0] === h && pitch[1] === w;
  if (isWhole && lead === 0 && tail === 0)
    return { tensor: lowering.as(x, natives.channelsLast(x.shape, type)), lead };
  const tensor = lowering.temporary(natives.plainLayout([lead + whole + tail, c], type));
  const { storage } = tensor;
  clearPictures(lowering, node, pitched(storage, type, { n: 1, c }, [1, lead]));
  clearPictures(lowering, node, pitched(storage, type, { n: 1, c }, [1, tail], lead + whole));
  const box = { top: rows.first, left: columns.first, h: rows.count, w: columns.count, step: stride };
  const phase = within(handedPictures(lowering, x, primitive.layout('src')), box);
  fill(lowering, node, phase, pitched(storage, type, { n, c }, pitch, lead), [rows.count, columns.count]);
  return { tensor, lead };
}

/** A value's pictures as it is handed over, or with their channels last where that layout cannot be cut. */
function handedPictures(lowering: Lowering, value: Value, layout: Layout | undefined): Pictures {
  const { natives } = lowering;
  const handed = layout && picturesOf(natives, lowering.as(value, layout));
  if (handed !== undefined) return handed;
  const last = natives.channelsLast(value.shape, lowering.storageType(value));
  return picturesOf(natives, lowering.as(value, last)) as Pictures;
}

function fill(
  lowering: Lowering,
  node: Node,
  from: Pictures,
  room: Pictures,
  [h, w]: readonly [number, number],
): void {
  if (!canCopy(from, room)) throw new Error('Pictures with their channels last take all others.');
  copyPictures(lowering, node, from, within(room, { top: 0, left: 0, h, w }));
  clearPictures(lowering, node, within(room, { top: 0, left: w, h, w: room.w - w }));
  clearPictures(lowering, node, within(room, { top: h, left: 0, h: room.h - h, w: room.w }));
}
