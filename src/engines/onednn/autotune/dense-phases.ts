// What the two gradients of a strided convolution share when they are computed phase by phase: the dense convolution
// of each phase, and the filter elements that belong to it.

import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { rowMajorStrides, type Shape } from '../../../graph/tensor.ts';
import { elementBytes, type WindowGeometry } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import type { Natives } from '../natives.ts';
import { type Phase, phasesOf } from './phases.ts';
import type { Box } from './pictures.ts';

export interface DensePhase {
  /** Its pixels of the picture, as far as windows meet them. */
  readonly box: Box;
  readonly window: WindowGeometry;
  readonly kernel: readonly [number, number];
  /** The first of its filter elements; the others follow at distances of the stride. */
  readonly firstTap: readonly [number, number];
  readonly stride: readonly [number, number];
}

/** The phases that filter elements meet; undefined where nothing is strided, and for filters with holes. */
export function densePhases(
  attributes: ConvolutionAttributes,
  x: Shape,
  filters: Shape,
  y: Shape,
): DensePhase[] | undefined {
  const { stride, padding, dilation } = attributes;
  if (stride[0] * stride[1] === 1 || dilation[0] * dilation[1] > 1) return undefined;
  const [rows, columns] = ([0, 1] as const).map((axis) => {
    const kernel = filters.at(axis - 2) as number;
    const all = phasesOf(x[axis + 2] as number, kernel, stride[axis], padding[axis], 1);
    return all.flatMap((phase) => describe(phase, y[axis + 2] as number));
  }) as [Line[], Line[]];
  if ([...rows, ...columns].some(({ count }) => count === 0)) return undefined;
  return rows.flatMap((row) =>
    columns.map((column) => ({
      box: { top: row.first, left: column.first, h: row.count, w: column.count, step: stride },
      window: {
        strides: [1, 1],
        dilates: [0, 0],
        padLeft: [row.before, column.before],
        padRight: [row.after, column.after],
      },
      kernel: [row.taps, column.taps] as const,
      firstTap: [row.firstTap, column.firstTap] as const,
      stride,
    })),
  );
}

/** One axis of a phase. */
interface Line {
  readonly first: number;
  readonly count: number;
  readonly taps: number;
  readonly firstTap: number;
  readonly before: number;
  readonly after: number;
}

/** None where no filter element meets the phase. */
function describe({ first, count, taps }: Phase, outputs: number): Line[] {
  const [tap] = taps;
  if (tap === undefined) return [];
  const before = -tap.shift;
  const reached = Math.min(count, outputs - 1 + taps.length - before);
  const after = outputs - 1 + taps.length - before - reached;
  return [{ first, count: Math.max(0, reached), taps: taps.length, firstTap: tap.index, before, after }];
}

/** Room for filters whose height and width are filled up to whole strides, and the filters inside. */
export function filterRoom(
  { natives, temporary }: Lowering,
  dims: readonly number[],
  stride: readonly [number, number],
  place: 'arena' | 'kept' = 'arena',
): Tensor {
  const [kh, kw] = dims.slice(-2) as [number, number];
  const filled = [...dims.slice(0, -2), roundUp(kh, stride[0]), roundUp(kw, stride[1])];
  const { storage } = temporary(natives.plainLayout(filled, 'f32'), place);
  return { layout: natives.strided(dims, 'f32', rowMajorStrides(filled)), storage };
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/** The filter elements of a phase inside their room. */
export function filterPart(
  natives: Natives,
  { layout, storage }: Tensor,
  { kernel, firstTap, stride }: DensePhase,
): Tensor {
  const { dims } = layout;
  const [kh, kw] = dims.slice(-2) as [number, number];
  const filled = [...dims.slice(0, -2), roundUp(kh, stride[0]), roundUp(kw, stride[1])];
  const strides = rowMajorStrides(filled);
  const [down, right] = strides.slice(-2) as [number, number];
  return {
    layout: natives.strided([...dims.slice(0, -2), ...kernel], 'f32', [
      ...strides.slice(0, -2),
      down * stride[0],
      right * stride[1],
    ]),
    storage,
    byteOffset: (firstTap[0] * down + firstTap[1] * right) * elementBytes.f32,
  };
}
