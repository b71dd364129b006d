// Cases of the ops that move numbers: concat, slice, pad and reshape.
import { concat } from '../../graph/ops/concat.ts';
import { flatten, reshape } from '../../graph/ops/reshape.ts';
import { pad, shortcutA, slice } from '../../graph/ops/slice-pad.ts';
import { forwardCase, gradientCases, grid, type OpCase } from './case.ts';

export const concatCases: readonly OpCase[] = [
  ...gradientCases('concat', 'two, channels', { a: grid(2, 3, 4, 5), b: grid(2, 4, 4, 5) }, (v) =>
    concat([v.a, v.b]),
  ),
  ...gradientCases(
    'concat',
    'four branches, channels',
    { a: grid(2, 16, 4, 4), b: grid(2, 32, 4, 4), c: grid(2, 8, 4, 4), d: grid(2, 8, 4, 4) },
    (v) => concat([v.a, v.b, v.c, v.d]),
  ),
  ...gradientCases(
    'concat',
    'three, odd channels, batch 1',
    { a: grid(1, 1, 3, 3), b: grid(1, 17, 3, 3), c: grid(1, 5, 3, 3) },
    (v) => concat([v.a, v.b, v.c]),
  ),
  ...gradientCases('concat', 'batch', { a: grid(2, 3, 4, 4), b: grid(1, 3, 4, 4) }, (v) =>
    concat([v.a, v.b], 0),
  ),
  ...gradientCases('concat', 'columns', { a: grid(2, 3, 4, 2), b: grid(2, 3, 4, 3) }, (v) =>
    concat([v.a, v.b], 3),
  ),
  ...gradientCases('concat', '2D', { a: grid(3, 5), b: grid(3, 2) }, (v) => concat([v.a, v.b])),
  ...gradientCases('concat', 'a value with itself', { x: grid(2, 3, 2, 2) }, (v) => concat([v.x, v.x])),
  forwardCase('concat', 'one', { a: grid(2, 3, 4, 4) }, (v) => concat([v.a])),
];

export const sliceCases: readonly OpCase[] = [
  ...gradientCases('slice', 'channels', { x: grid(2, 7, 4, 5) }, (v) =>
    slice(v.x, { start: [0, 2, 0, 0], size: [2, 4, 4, 5] }),
  ),
  ...gradientCases('slice', 'channels, 64 of 128', { x: grid(1, 128, 3, 3) }, (v) =>
    slice(v.x, { start: [0, 64, 0, 0], size: [1, 64, 3, 3] }),
  ),
  ...gradientCases('slice', 'every second pixel', { x: grid(2, 3, 7, 8) }, (v) =>
    slice(v.x, { start: [0, 0, 0, 0], size: [2, 3, 4, 4], step: [1, 1, 2, 2] }),
  ),
  ...gradientCases('slice', 'a window with steps', { x: grid(3, 2, 9, 8) }, (v) =>
    slice(v.x, { start: [1, 0, 2, 1], size: [2, 1, 2, 3], step: [1, 1, 3, 2] }),
  ),
  ...gradientCases('slice', '2D', { x: grid(4, 9) }, (v) => slice(v.x, { start: [1, 3], size: [2, 5] })),
];

export const padCases: readonly OpCase[] = [
  ...gradientCases('pad', 'channels', { x: grid(2, 3, 4, 5) }, (v) =>
    pad(v.x, { before: [0, 1, 0, 0], after: [0, 2, 0, 0] }),
  ),
  ...gradientCases('pad', 'picture borders', { x: grid(2, 5, 4, 3) }, (v) =>
    pad(v.x, { before: [0, 0, 1, 2], after: [0, 0, 2, 0] }),
  ),
  ...gradientCases('pad', 'zeros between pixels', { x: grid(2, 3, 3, 4) }, (v) =>
    pad(v.x, { before: [0, 0, 1, 0], after: [0, 0, 0, 1], interior: [0, 0, 1, 2] }),
  ),
  ...gradientCases('pad', '2D', { x: grid(3, 4) }, (v) => pad(v.x, { before: [0, 1], after: [2, 3] })),
  ...gradientCases('pad', 'option A, 16 to 32 channels, stride 2', { x: grid(2, 16, 8, 8) }, (v) =>
    shortcutA(v.x, 32, 2),
  ),
  ...gradientCases('pad', 'option A, odd sizes, stride 1', { x: grid(1, 3, 5, 5) }, (v) =>
    shortcutA(v.x, 6, 1),
  ),
];

export const reshapeCases: readonly OpCase[] = [
  ...gradientCases('reshape', 'flatten', { x: grid(2, 5, 3, 4) }, (v) => flatten(v.x)),
  ...gradientCases('reshape', 'flatten 64 channels', { x: grid(2, 64, 3, 3) }, (v) => flatten(v.x)),
  ...gradientCases('reshape', 'features to pictures', { x: grid(2, 24) }, (v) => reshape(v.x, [2, 6, 2, 2])),
  ...gradientCases('reshape', 'flatten 1x1', { x: grid(3, 17, 1, 1) }, (v) => flatten(v.x)),
  forwardCase('reshape', 'batch into channels', { x: grid(4, 3, 2, 5) }, (v) => reshape(v.x, [2, 6, 5, 2])),
];
