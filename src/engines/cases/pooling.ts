// Cases of max, average and adaptive pooling: overlapping windows, gaps, padding, ceil mode, both divisors.
import { emitOne, markOutput } from '../../graph/graph.ts';
import { adaptiveAveragePool } from '../../graph/ops/adaptive-average-pool.ts';
import { type AveragePoolOptions, averagePool, globalAveragePool } from '../../graph/ops/average-pool.ts';
import { maxPool, maxPoolBackwardOp, maxPoolWithSwitches } from '../../graph/ops/max-pool.ts';
import { type PoolingOptions, poolingAttributes } from '../../graph/ops/pooling.ts';
import { distinct, exactly, type Feed, gradientCases, graphCase, grid, type OpCase } from './case.ts';

function maxima(name: string, x: Feed, options: PoolingOptions): OpCase[] {
  return gradientCases('maxPool', name, { x }, (v) => maxPool(v.x, options));
}

export const maxPoolCases: readonly OpCase[] = [
  ...maxima('2x2', distinct(2, 3, 6, 8), { kernel: 2 }),
  ...maxima('2x2, odd picture', distinct(1, 5, 7, 9), { kernel: 2 }),
  ...maxima('2x2, odd picture, ceil', distinct(1, 5, 7, 9), { kernel: 2, ceil: true }),
  ...maxima('3x3 stride 2, overlapping', distinct(2, 4, 9, 11), { kernel: 3, stride: 2 }),
  ...maxima('3x3 stride 2, ceil', distinct(2, 3, 8, 10), { kernel: 3, stride: 2, ceil: true }),
  ...maxima('3x3 stride 2, padding 1', distinct(2, 3, 8, 7), { kernel: 3, stride: 2, padding: 1 }),
  ...maxima('3x3 stride 2, padding 1, ceil', distinct(2, 3, 8, 7), {
    kernel: 3,
    stride: 2,
    padding: 1,
    ceil: true,
  }),
  ...maxima('3x3 stride 1, padding 1', distinct(2, 17, 5, 6), { kernel: 3, stride: 1, padding: 1 }),
  ...maxima('gaps between windows', distinct(1, 2, 8, 9), { kernel: 2, stride: 3 }),
  ...maxima('2x3, stride 1x2', distinct(2, 3, 5, 8), { kernel: [2, 3], stride: [1, 2] }),
  ...maxima('whole plane', distinct(3, 4, 5, 6), { kernel: [5, 6] }),
  ...maxima('64 channels', distinct(2, 64, 8, 8), { kernel: 3, stride: 2, padding: 1 }),
  graphCase('maxPool', 'switches as a result', { x: distinct(2, 5, 7, 9) }, (v) => {
    const { y, switches } = maxPoolWithSwitches(v.x, { kernel: 3, stride: 2, padding: 1 });
    markOutput('y', y);
    markOutput('switches', switches);
  }),
  graphCase(
    'maxPoolBackward',
    'unpooling of another signal',
    { x: distinct(2, 3, 9, 9), signal: grid(2, 3, 4, 4) },
    (v) => {
      const options = { kernel: 3, stride: 2 };
      const { switches } = maxPoolWithSwitches(v.x, options);
      const attributes = { ...poolingAttributes(options), inputShape: v.x.shape };
      markOutput('y', emitOne(maxPoolBackwardOp, attributes, [v.signal, switches]));
    },
  ),
  graphCase(
    'maxPoolBackward',
    'unpooling by switches that are fed',
    { signal: grid(1, 2, 2, 2), switches: exactly([1, 2, 2, 2], 'index', [0, 3, 8, 15, 5, 6, 9, 10]) },
    (v) => {
      const attributes = { ...poolingAttributes({ kernel: 2 }), inputShape: [1, 2, 4, 4] };
      markOutput('y', emitOne(maxPoolBackwardOp, attributes, [v.signal, v.switches]));
    },
  ),
];

function means(name: string, x: Feed, options: AveragePoolOptions): OpCase[] {
  return gradientCases('averagePool', name, { x }, (v) => averagePool(v.x, options));
}

const divisors = [true, false].flatMap((countIncludePad) => {
  const divisor = countIncludePad ? 'padding counted' : 'padding not counted';
  const common = { kernel: 3, stride: 2, countIncludePad };
  return [
    ...means(`padding 1, ${divisor}`, grid(2, 3, 7, 8), { ...common, padding: 1 }),
    ...means(`ceil, ${divisor}`, grid(2, 3, 8, 10), { ...common, ceil: true }),
    ...means(`padding 1, ceil, ${divisor}`, grid(1, 5, 8, 6), { ...common, padding: 1, ceil: true }),
    ...means(`stride 1, padding 1, ${divisor}`, grid(2, 17, 5, 4), { ...common, stride: 1, padding: 1 }),
  ];
});

export const averagePoolCases: readonly OpCase[] = [
  ...means('2x2', grid(2, 3, 6, 8), { kernel: 2 }),
  ...means('3x3 stride 2, overlapping', grid(2, 4, 9, 11), { kernel: 3, stride: 2 }),
  ...means('2x3, stride 1x2', grid(2, 3, 5, 8), { kernel: [2, 3], stride: [1, 2] }),
  ...means('gaps between windows', grid(1, 2, 8, 9), { kernel: 2, stride: 3 }),
  ...means('64 channels', grid(2, 64, 6, 6), { kernel: 2 }),
  ...divisors,
  ...gradientCases('averagePool', 'whole plane', { x: grid(3, 17, 4, 4) }, (v) => globalAveragePool(v.x)),
  ...gradientCases('averagePool', 'whole plane, 64 channels', { x: grid(2, 64, 7, 7) }, (v) =>
    globalAveragePool(v.x),
  ),
];

function adaptive(name: string, x: Feed, output: number | [number, number]): OpCase[] {
  return gradientCases('adaptiveAveragePool', name, { x }, (v) => adaptiveAveragePool(v.x, output));
}

export const adaptiveAveragePoolCases: readonly OpCase[] = [
  ...adaptive('7 to 3', grid(2, 3, 7, 7), 3),
  ...adaptive('5x9 to 2x4', grid(1, 5, 5, 9), [2, 4]),
  ...adaptive('enlarging 3 to 5', grid(2, 3, 3, 3), 5),
  ...adaptive('64 channels, 7 to 6', grid(1, 64, 7, 7), 6),
  ...adaptive('equal bins', grid(2, 3, 6, 8), [3, 2]),
];
