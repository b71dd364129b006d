import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { type BuildOptions, buildNetwork } from '../network.ts';
import { alexnet, alexnetOneWeirdTrick } from './alexnet.ts';

const costs = (options: BuildOptions = {}, description = alexnet) => {
  const { parameters, macs } = costOf(buildNetwork(description, options).graph);
  return [parameters, macs];
};
const startOf = (name: string, options: BuildOptions = {}) => {
  const source = buildNetwork(alexnet, options).graph.states.get(name)?.source;
  return source?.kind === 'state' ? source.initial : undefined;
};

describe('alexnet', () => {
  it.each([
    ['two towers', {}, 60_965_224, 724_406_816],
    ['one tower', { options: { groups: 1 } }, 62_378_344, 1_135_256_096],
    ['article', { form: 'article' }, 24_351_434, 125_191_680],
  ] as const)('has the parameters and multiply-adds of its rows: %s', (_, options, parameters, macs) => {
    expect(costs(options)).toEqual([parameters, macs]);
  });

  it("has torchvision's count as alexnet_owt", () => {
    expect(costs({}, alexnetOneWeirdTrick)).toEqual([61_100_840, 714_188_480]);
  });

  it('has the planes of the paper: 55, 27, 13 and 6 wide', () => {
    const { graph } = buildNetwork(alexnet);
    const shapes = ['conv1', 'norm1', 'pool1', 'conv2', 'pool2', 'conv5', 'pool5', 'fc6'];
    expect(shapes.map((name) => graph.modules.get(name)?.shape.slice(1))).toEqual([
      [96, 55, 55],
      [96, 55, 55],
      [96, 27, 27],
      [256, 27, 27],
      [256, 13, 13],
      [256, 13, 13],
      [256, 6, 6],
      [4096],
    ]);
  });

  it('normalises with the sum of the paper, after ReLU and before the pool', () => {
    const { nodes } = buildNetwork(alexnet).graph;
    expect(nodes.slice(0, 8).map(({ op }) => op.name)).toEqual([
      'convolution',
      'relu',
      'lrn',
      'maxPool',
      'convolution',
      'relu',
      'lrn',
      'maxPool',
    ]);
    expect(nodes[2]?.attributes).toEqual({ size: 5, alpha: 1e-4, beta: 0.75, k: 2, sum: true });
  });

  it('starts as the paper says; the 32x32 form as PyTorch does', () => {
    expect(startOf('conv1.weight')).toEqual({ kind: 'normal', deviation: 0.01 });
    const biases = ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8'];
    expect(biases.map((name) => startOf(`${name}.bias`))).toEqual(
      [0, 1, 0, 1, 1, 1, 1, 0].map((value) => ({ kind: 'constant', value })),
    );
    expect(startOf('conv1.weight', { form: 'cifar' })).toEqual({ kind: 'uniform', bound: 1 / Math.sqrt(75) });
  });

  it("leaves out layers as Zeiler and Fergus did, without touching the others' names", () => {
    const names = (remove: string) => [...buildNetwork(alexnet, { options: { remove } }).graph.states.keys()];
    const all = names('none');
    expect(names('3467')).toEqual(all.filter((name) => !/^(conv[34]|fc[67])\./.test(name)));
  });

  it('drops out the two hidden linear layers in training only', () => {
    const drops = (training: boolean) =>
      buildNetwork(alexnet, { training }).graph.nodes.filter(({ op }) => op.name === 'dropout');
    expect(drops(true).map(({ path }) => path)).toEqual(['drop6', 'drop7']);
    expect(drops(false)).toEqual([]);
  });

  it('takes other sizes, channels and classes', () => {
    const { logits } = buildNetwork(alexnet, { height: 256, width: 227, channels: 1, classes: 7 });
    expect(logits.shape).toEqual([1, 7]);
    const small = buildNetwork(alexnetOneWeirdTrick, { height: 63, width: 63 });
    expect(small.logits.shape).toEqual([1, 1000]);
  });

  it.each([
    [{ height: 32, width: 32 }, /alexnet \(form imagenet\) does not allow pictures of 3x32x32: maxPool/],
    [{ form: 'article', height: 32, width: 32 }, /form article.*got 2304 features.*4096x1024/],
    [{ form: 'article', classes: 100 }, /AlexNet has 10 classes.*got 100/],
    [{ channels: 3, options: { groups: 3 } }, /groups is '3'; expected one of 1, 2/],
    [{ options: { remove: '5' } }, /remove is '5'; expected one of none, 34, 7, 67, 3467/],
  ] as const)('refuses %o with the reason', (options, reason) => {
    expect(() => buildNetwork(alexnet, options)).toThrow(reason);
  });

  it('takes the pictures of 24 to 31 pixels that the article fits', () => {
    const sizes = [23, 24, 31, 32].map((height) => {
      try {
        return buildNetwork(alexnet, { form: 'article', height, width: 28 }).logits.shape;
      } catch {
        return 'refused';
      }
    });
    expect(sizes).toEqual(['refused', [1, 10], [1, 10], 'refused']);
  });

  it("has torchvision's weight names in alexnet_owt", () => {
    const names = [...buildNetwork(alexnetOneWeirdTrick).graph.states.keys()];
    const layers = [
      ...[0, 3, 6, 8, 10].map((i) => `features.${i}`),
      ...[1, 4, 6].map((i) => `classifier.${i}`),
    ];
    expect(names).toEqual(layers.flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]));
  });
});
