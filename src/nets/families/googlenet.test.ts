import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import type { Value } from '../../graph/graph.ts';
import { buildNetwork } from '../network.ts';
import { googlenet, googlenetBn } from './googlenet.ts';

describe('googlenet', () => {
  it('has the parameters and multiply-adds of the paper, and two side heads in training', () => {
    expect(costOf(buildNetwork(googlenet).graph)).toMatchObject({
      parameters: 6_998_552,
      macs: 1_582_671_872,
    });
    const training = buildNetwork(googlenet, { training: true, batch: 2 });
    expect(costOf(training.graph).parameters).toBe(6_998_552 + 6_379_728);
    expect(training.auxiliary.map(({ logits, weight }) => [logits.shape, weight])).toEqual([
      [[2, 1000], 0.3],
      [[2, 1000], 0.3],
    ]);
    expect(buildNetwork(googlenet).auxiliary).toEqual([]);
  });

  it("has torchvision's counts as googlenet_bn", () => {
    expect(costOf(buildNetwork(googlenetBn).graph)).toMatchObject({
      parameters: 6_624_904,
      macs: 1_498_376_192,
    });
    const training = buildNetwork(googlenetBn, { training: true, batch: 2 });
    expect(costOf(training.graph).parameters).toBe(13_004_888);
  });

  it('has the planes of table 1', () => {
    const { modules } = buildNetwork(googlenet).graph;
    const names = ['conv1', 'maxpool1', 'conv3', 'maxpool2', '3a', '3b', '4a', '4d', '4e', '5a', '5b'];
    const shapes = names.map((name) =>
      (modules.get(name) ?? modules.get(`inception${name}`))?.shape.slice(1, 3),
    );
    expect(shapes).toEqual([
      [64, 112],
      [64, 56],
      [192, 56],
      [192, 28],
      [256, 28],
      [480, 28],
      [512, 14],
      [528, 14],
      [832, 14],
      [832, 7],
      [1024, 7],
    ]);
  });

  it('has 57 convolutions, and 22 layers with weights on its longest path', () => {
    const { nodes } = buildNetwork(googlenet).graph;
    expect(nodes.filter(({ op }) => op.name === 'convolution')).toHaveLength(57);
    const depths = new Map<Value, number>();
    for (const { op, inputs, outputs } of nodes) {
      const own = ['convolution', 'linear'].includes(op.name) ? 1 : 0;
      const depth = own + Math.max(...inputs.map((value) => depths.get(value) ?? 0));
      for (const output of outputs) depths.set(output, depth);
    }
    expect(Math.max(...depths.values())).toBe(22);
  });

  it('normalises after the first pool and before the second', () => {
    const ops = buildNetwork(googlenet).graph.nodes.map(({ op }) => op.name);
    expect(ops.slice(0, 9).join(' ')).toBe(
      'convolution relu maxPool lrn convolution relu convolution relu lrn',
    );
    expect(ops.filter((name) => name === 'lrn')).toHaveLength(2);
  });

  it("names modules as torchvision does, with and without batch normalisation's extra level", () => {
    const plain = [...buildNetwork(googlenet, { training: true, batch: 2 }).graph.states.keys()];
    expect(plain).toEqual(
      expect.arrayContaining(['conv1.weight', 'inception3a.branch2.1.bias', 'aux2.conv.weight', 'fc.bias']),
    );
    const other = [...buildNetwork(googlenetBn, { training: true, batch: 2 }).graph.states.keys()];
    const expected = plain.flatMap((name) => {
      if (/fc/.test(name)) return [name];
      const unit = /^(.*)\.weight$/.exec(name)?.[1];
      if (unit === undefined) return [];
      const norm = ['weight', 'bias', 'running_mean', 'running_var'].map((kind) => `${unit}.bn.${kind}`);
      return [`${unit}.conv.weight`, ...norm];
    });
    expect(other).toEqual(expected);
  });

  it('has the counts and names of its 32x32 form, in which the article sets an epsilon for a channel count', () => {
    for (const form of ['cifar', 'article'] as const) {
      const { graph } = buildNetwork(googlenet, { form });
      expect(costOf(graph)).toMatchObject({ parameters: 6_258_500, macs: 1_521_848_320 });
      expect([...graph.states.keys()]).toEqual(
        expect.arrayContaining(['prelayer.0.weight', 'a3.b1.0.bias', 'e4.b3.7.running_var', 'linear.weight']),
      );
      const epsilons = graph.nodes
        .filter(({ op }) => op.name === 'batchNormInference')
        .map(({ attributes }) => attributes.epsilon as number)
        .filter((epsilon) => epsilon !== 1e-5);
      expect(epsilons).toEqual(form === 'cifar' ? [] : [32, 96, 48, 64, 64, 64, 128, 128, 128]);
    }
  });

  it('takes other sizes, and refuses those that its side heads do not fit', () => {
    expect(buildNetwork(googlenet, { height: 97, width: 320, classes: 5 }).logits.shape).toEqual([1, 5]);
    expect(() => buildNetwork(googlenet, { height: 64, width: 64, training: true })).toThrow(
      /googlenet \(form imagenet\) does not allow pictures of 3x64x64: averagePool got a 4x4 picture/,
    );
    expect(buildNetwork(googlenetBn, { height: 64, width: 64 }).logits.shape).toEqual([1, 1000]);
  });
});
