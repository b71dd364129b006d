import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { oneRank } from '../../graph/ops/exchange.ts';
import { findNetwork } from '../../nets/index.ts';
import { type BuildOptions, buildNetwork } from '../../nets/network.ts';
import { buildTrainingStep } from '../../train/step.ts';
import { divideIntoTowers, partOfTower } from './divide.ts';
import { swapsOf } from './traffic.ts';

const alexnet = (options: BuildOptions = {}) => buildNetwork(findNetwork('alexnet'), options);
const tower = (number: number, options: BuildOptions = {}) =>
  divideIntoTowers(alexnet(options), { tower: number, exchange: oneRank });

describe('divideIntoTowers', () => {
  it('gives each tower half of the filters and units, by their names', () => {
    const whole = alexnet().graph.states;
    const { states } = tower(0).graph;
    expect([...states.keys()]).toEqual([...whole.keys()]);
    for (const [name, { shape }] of states) {
      const [units = 0, ...rest] = whole.get(name)?.shape ?? [];
      expect([name, shape]).toEqual([name, [units / 2, ...rest]]);
    }
    const cost = costOf(tower(0).graph);
    expect(2 * cost.parameters).toBe(60_965_224);
    expect(2 * cost.macs).toBe(724_406_816);
  });

  it('gives the second tower one more of an odd number', () => {
    const classes = [0, 1].map((t) => tower(t, { classes: 7 }).graph.states.get('fc8.weight')?.shape[0]);
    expect(classes).toEqual([3, 4]);
    expect(tower(1, { classes: 7 }).logits.shape).toEqual([1, 7]);
    expect(partOfTower(7, 1)).toEqual({ first: 3, count: 4 });
  });

  it('reads both towers in conv3 and the linear layers alone, and two maps beyond the border of norms', () => {
    const swaps = tower(0).graph.nodes.filter(({ op }) => op.name === 'swap');
    expect(swaps.map(({ path, inputs }) => [path, inputs[0]?.shape])).toEqual([
      ['norm1', [1, 2, 55, 55]],
      ['norm2', [1, 2, 27, 27]],
      ['conv3', [1, 128, 13, 13]],
      ['fc6', [1, 128 * 6 * 6]],
      ['fc7', [1, 2048]],
      ['fc8', [1, 2048]],
      ['', [1, 500]],
    ]);
  });

  it('hands back on the way back what it took, but for the logits', () => {
    const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true };
    const { graph } = buildTrainingStep(tower(1, { training: true, batch: 3 }), { optimizer });
    const numbers = swapsOf(graph).map(({ path, numbers }) => [path, numbers / 3]);
    expect(numbers.slice(7).toReversed()).toEqual(numbers.slice(0, 6));
  });

  it('leaves a network of its options: no layers 3 and 4, no normalisation', () => {
    const swaps = tower(0, { options: { remove: '34', lrn: false } }).graph.nodes.filter(
      ({ op }) => op.name === 'swap',
    );
    expect(swaps.map(({ path }) => path)).toEqual(['fc6', 'fc7', 'fc8', '']);
  });

  it('refuses ops of other networks', () => {
    const resnet = buildNetwork(findNetwork('resnet18'), { form: 'cifar' });
    const divide = () => divideIntoTowers(resnet, { tower: 0, exchange: oneRank });
    expect(divide).toThrow(/Towers got batchNorm\w* at '.*', which they do not know how to divide/);
  });
});
