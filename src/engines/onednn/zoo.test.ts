// The arena of real networks, one of each family, and what computes their steps; `zoo.slow.test.ts` has all of them.
import { describe, expect, it } from 'vitest';
import { findNetwork } from '../../nets/index.ts';
import type { Engine } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';
import { arenaRatio, formsOf, planOf, referenceSteps } from './zoo-testing.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;
const names = ['lenet', 'alexnet', 'zfnet', 'vgg16', 'googlenet', 'googlenet_bn', 'resnet18', 'seresnet50'];

describe.skipIf(found === undefined)(`the arena${reason === undefined ? '' : ` (${reason})`}`, () => {
  const cases = names
    .map(findNetwork)
    .flatMap((network) => formsOf(network).map((form) => [network.name, form, network] as const));

  it.each(cases)('of %s, form %s, is within a tenth of the least', (_, form, network) => {
    for (const what of ['train', 'infer'] as const)
      expect(arenaRatio(engine, { network, form, what })).toBeLessThanOrEqual(1.1);
  });

  it('shrinks with what is computed again', () => {
    const request = { network: findNetwork('resnet18'), form: 'cifar', what: 'train', batch: 128 } as const;
    const [kept, usual, segments] = (['none', undefined, 'segments'] as const).map(
      (recompute) => planOf(engine, { ...request, recompute }).arenaBytes,
    ) as [number, number, number];
    expect(usual).toBeLessThan(0.7 * kept);
    expect(segments).toBeLessThan(0.45 * kept);
  });
});

describe.skipIf(found === undefined || process.arch !== 'x64')('the steps', () => {
  // A shortcut with zeros on both sides of its channels, an LRN behind a convolution that leaves its result row-major, and
  // batch norms behind groups of four channels.
  it.each([
    ['resnet20', 'cifar'],
    ['alexnet', 'imagenet'],
    ['resnext50', 'cifar'],
  ] as const)('of %s, form %s, are none of them computed by reference', (name, form) => {
    const network = findNetwork(name);
    for (const what of ['infer', 'train'] as const)
      expect(referenceSteps(engine, { network, form, what })).toEqual([]);
  });
});
