// Cases of what travels between ranks, with exchanges that need no other rank: one rank alone, and a rank whose
// neighbour holds the very same numbers.
import { gradients } from '../../graph/autodiff.ts';
import { emit, markOutput, type Value } from '../../graph/graph.ts';
import { accumulate } from '../../graph/ops/accumulate.ts';
import { concat } from '../../graph/ops/concat.ts';
import { convolution } from '../../graph/ops/convolution.ts';
import { type Exchange, exchangeSums, oneRank } from '../../graph/ops/exchange.ts';
import { multiply } from '../../graph/ops/multiply.ts';
import { relu } from '../../graph/ops/relu.ts';
import { swap } from '../../graph/ops/swap.ts';
import { jointStatisticsOp, normaliseTogether } from '../../graph/ops/synchronised-batch-norm.ts';
import type { NumericArray } from '../../graph/tensor.ts';
import {
  exactly,
  type Feed,
  gradientCases,
  graphCase,
  grid,
  type OpCase,
  positive,
  weights,
} from './case.ts';

function twins(): Exchange {
  const underWay = new Map<string, NumericArray>();
  const double = (numbers: NumericArray): void => {
    for (let i = 0; i < numbers.length; i++) numbers[i] = 2 * (numbers[i] as number);
  };
  return {
    size: 2,
    start: (channel, numbers) => {
      underWay.set(channel, numbers);
    },
    finish: (channel) => double(underWay.get(channel) as NumericArray),
    sum: double,
    swap: (own, theirs) => theirs.set(own),
  };
}

function normalised(name: string, x: Feed, exchange: Exchange): OpCase[] {
  const channels = x.shape[1] as number;
  const feeds = { x, gamma: positive(channels), beta: weights(channels) };
  return [
    ...gradientCases('synchronisedBatchNorm', name, feeds, (v) => {
      return normaliseTogether(v.x, v.gamma, v.beta, { epsilon: 1e-5, exchange }).y;
    }),
    graphCase('jointStatistics', name, { mean: weights(channels), variance: positive(channels) }, (v) => {
      const joint = emit(jointStatisticsOp, { exchange, count: 12 }, [v.mean, v.variance]);
      for (const [i, value] of joint.entries()) markOutput(`${i}`, value);
    }),
  ];
}

export const exchangeCases: readonly OpCase[] = [
  ...gradientCases('swap', 'maps of another tower that has the same', { x: grid(2, 16, 5, 5) }, (v) =>
    concat([v.x, swap(v.x, { exchange: twins(), shape: v.x.shape })]),
  ),
  ...normalised('one rank', grid(3, 5, 4, 7), oneRank),
  ...normalised('two ranks that hold the same, 64 channels', grid(2, 64, 5, 5), twins()),
  ...normalised('2D', grid(9, 6), twins()),
  graphCase(
    'exchangeStart',
    'gathered over two steps, this the last one',
    { a: weights(32, 16, 3, 3), b: weights(32, 16, 3, 3), microStep: exactly([], 'index', [1]) },
    ({ a, b, microStep }) => {
      const once = { steps: 2, microStep };
      const message = exchangeSums([accumulate(a, b, microStep, 2)], twins(), 'update', once);
      markOutput('sum', message.finish()[0] as Value);
    },
  ),
  graphCase(
    'exchangeStart',
    'gradients in native layouts, two messages',
    { x: grid(2, 16, 6, 6), w: weights(32, 16, 3, 3), v: weights(32, 32, 1, 1) },
    (feeds) => {
      const exchange = twins();
      const h = relu(convolution(feeds.x, feeds.w, undefined, { padding: 1 }));
      const y = convolution(h, feeds.v, undefined, {});
      const [dw, dv] = gradients(multiply(y, y), [feeds.w, feeds.v]) as [Value, Value];
      const messages = [dv, dw].map((value, i) => exchangeSums([value], exchange, `${i}`));
      for (const [i, message] of messages.entries()) markOutput(`sum ${i}`, message.finish()[0] as Value);
    },
  ),
];
