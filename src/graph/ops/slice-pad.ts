// Taking a regular part of a tensor, and putting a tensor into a larger one of zeros: along each axis
//   slice:  y[i] = x[start + i step],  size elements
//   pad:    y[before + i (interior + 1)] = x[i], zeros before, after and between
// Each is the other's gradient, so they stand in one file.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition, Window } from '../op.ts';
import {
  formatShape,
  type NumericArray,
  pictureShape,
  rowMajorStrides,
  type Shape,
  type TensorType,
} from '../tensor.ts';
import { expectAxes, expectInputs } from './checks.ts';

export interface SliceAttributes {
  readonly start: readonly number[];
  /** Elements taken. */
  readonly size: readonly number[];
  readonly step: readonly number[];
}

export interface PadAttributes {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Zeros between neighbours. */
  readonly interior: readonly number[];
}

/** Calls `visit` with each flat index of `part`, and where it stands in `whole`: start + i step on each axis. */
function forEachInside(
  part: Shape,
  whole: Shape,
  start: readonly number[],
  step: readonly number[],
  visit: (part: number, whole: number) => void,
): void {
  const strides = rowMajorStrides(whole);
  let position = 0;
  const walk = (axis: number, offset: number): void => {
    if (axis === part.length) {
      visit(position++, offset);
      return;
    }
    const stride = strides[axis] as number;
    const first = offset + (start[axis] as number) * stride;
    for (let i = 0; i < (part[axis] as number); i++)
      walk(axis + 1, first + i * (step[axis] as number) * stride);
  };
  walk(0, 0);
}

/** How the picture axes of a slice or pad see their input, for receptive fields; other ranks: one to one. */
function pointWindow(rank: number, stride: readonly number[], padding: readonly number[]): Window {
  if (rank !== 4) return { kernel: [1, 1], stride: [1, 1], padding: [0, 0] };
  return {
    kernel: [1, 1],
    stride: [stride[2] as number, stride[3] as number],
    padding: [padding[2] as number, padding[3] as number],
  };
}

export const sliceOp: OpDefinition<SliceAttributes> = {
  name: 'slice',
  infer(inputs, { start, size, step }) {
    const [x] = expectInputs('slice', inputs, 1) as [TensorType];
    expectAxes('slice', 'start', start, x.shape);
    expectAxes('slice', 'size', size, x.shape);
    expectAxes('slice', 'step', step, x.shape);
    const outside = x.shape.findIndex((length, axis) => {
      const [s, n, d] = [start[axis], size[axis], step[axis]] as [number, number, number];
      return !(s >= 0 && n >= 1 && d >= 1 && s + (n - 1) * d < length);
    });
    if (outside >= 0) {
      throw new Error(
        `slice got start ${start[outside]}, size ${size[outside]}, step ${step[outside]} on axis ${outside}, ` +
          `expected elements that lie in a tensor of shape ${formatShape(x.shape)}.`,
      );
    }
    return [{ shape: size, precision: x.precision }];
  },
  evaluate({ attributes: { start, step }, inputs: [x], inputShapes, outputs, outputShapes }) {
    if (!x) return;
    const y = outputs[0] as NumericArray;
    forEachInside(outputShapes[0] as Shape, inputShapes[0] as Shape, start, step, (i, j) => {
      y[i] = x[j] as number;
    });
  },
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const { start, size, step } = node.attributes;
    const after = (node.inputs[0] as Value).shape.map((length, axis) => {
      const [s, n, d] = [start[axis], size[axis], step[axis]] as [number, number, number];
      return length - s - (n - 1) * d - 1;
    });
    return [pad(dy, { before: start, after, interior: step.map((d) => d - 1) })];
  },
  window: ([x], { start, step }) =>
    pointWindow(
      (x as Shape).length,
      step,
      start.map((s) => -s),
    ),
};

export const padOp: OpDefinition<PadAttributes> = {
  name: 'pad',
  infer(inputs, { before, after, interior }) {
    const [x] = expectInputs('pad', inputs, 1) as [TensorType];
    for (const [what, amounts] of Object.entries({ before, after, interior })) {
      expectAxes('pad', what, amounts, x.shape);
      if (!amounts.every((amount) => Number.isInteger(amount) && amount >= 0)) {
        throw new Error(`pad got ${what} [${amounts.join(', ')}], expected whole numbers of at least 0.`);
      }
    }
    const shape = x.shape.map((size, axis) => {
      const [b, a, i] = [before[axis], after[axis], interior[axis]] as [number, number, number];
      return b + size + (size - 1) * i + a;
    });
    return [{ shape, precision: x.precision }];
  },
  evaluate({ attributes: { before, interior }, inputs: [x], inputShapes, outputs, outputShapes }) {
    if (!x) return;
    const y = outputs[0] as NumericArray;
    const step = interior.map((zeros) => zeros + 1);
    forEachInside(inputShapes[0] as Shape, outputShapes[0] as Shape, before, step, (i, j) => {
      y[j] = x[i] as number;
    });
  },
  gradient({ node, outputGradients: [dy] }) {
    if (dy === undefined) return [];
    const { before, interior } = node.attributes;
    const step = interior.map((zeros) => zeros + 1);
    return [slice(dy, { start: before, size: (node.inputs[0] as Value).shape, step })];
  },
  window([x], { before, interior }) {
    const stride = interior.map((zeros) => 1 / (zeros + 1));
    const padding = before.map((zeros, axis) => zeros * (stride[axis] as number));
    return pointWindow((x as Shape).length, stride, padding);
  },
};

/** `size` elements per axis from `start`, every `step`-th (default 1). */
export function slice(
  x: Value,
  options: { start: readonly number[]; size: readonly number[]; step?: readonly number[] },
): Value {
  return emitOne(sliceOp, { ...options, step: options.step ?? x.shape.map(() => 1) }, [x]);
}

/** Zeros before, after and (default none) between the elements of each axis. */
export function pad(
  x: Value,
  options: { before: readonly number[]; after: readonly number[]; interior?: readonly number[] },
): Value {
  return emitOne(padOp, { ...options, interior: options.interior ?? x.shape.map(() => 0) }, [x]);
}

/**
 * ResNet's shortcut without parameters (He et al. 2015, section 4.2, option A): every `stride`-th pixel, and
 * zeros for the channels that are added, half of them before and half after, as the CIFAR networks that people
 * have weights for do it; an odd one goes after. `x`: NxCxHxW; gives Nx`channels`xH'xW'.
 */
export function shortcutA(x: Value, channels: number, stride: number): Value {
  const [n, c, h, w] = pictureShape('shortcutA', x.shape);
  if (channels < c) throw new Error(`shortcutA got ${c} channels to carry into ${channels}, expected fewer.`);
  const size = [n, c, Math.ceil(h / stride), Math.ceil(w / stride)];
  const picked = stride === 1 ? x : slice(x, { start: [0, 0, 0, 0], size, step: [1, 1, stride, stride] });
  if (channels === c) return picked;
  const before = Math.floor((channels - c) / 2);
  return pad(picked, { before: [0, before, 0, 0], after: [0, channels - c - before, 0, 0] });
}
