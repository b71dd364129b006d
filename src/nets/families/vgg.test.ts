import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { type BuildOptions, buildNetwork, type NetworkDescription } from '../network.ts';
import family, { vgg11, vgg11Lrn, vgg16Bn, vgg16C, vgg19Bn } from './vgg.ts';

const costs = (description: NetworkDescription, options: BuildOptions = {}) => {
  const { parameters, macs } = costOf(buildNetwork(description, options).graph);
  return [parameters, macs];
};
const find = (name: string) => family.networks.find((network) => network.name === name) as NetworkDescription;

describe('vgg', () => {
  it.each([
    ['vgg11', 132_863_336, 7_609_090_048],
    ['vgg13', 133_047_848, 11_308_466_176],
    ['vgg16', 138_357_544, 15_470_264_320],
    ['vgg19', 143_667_240, 19_632_062_464],
    ['vgg11_bn', 132_868_840, 7_609_090_048],
    ['vgg13_bn', 133_053_736, 11_308_466_176],
    ['vgg16_bn', 138_365_992, 15_470_264_320],
    ['vgg19_bn', 143_678_248, 19_632_062_464],
    ['vgg16_c', 133_638_952, 11_770_888_192],
    ['vgg11_lrn', 132_863_336, 7_609_090_048],
  ])('%s has its parameters and multiply-adds', (name, parameters, macs) => {
    expect(costs(find(name))).toEqual([parameters, macs]);
  });

  it.each([
    ['vgg11_bn', 28_518_244, 172_048_384],
    ['vgg13_bn', 28_703_140, 247_545_856],
    ['vgg16_bn', 34_015_396, 332_480_512],
    ['vgg19_bn', 39_327_652, 417_415_168],
    // Without two numbers per map.
    ['vgg13', 28_703_140 - 2 * 2944, 247_545_856],
    ['vgg19', 39_327_652 - 2 * 5504, 417_415_168],
  ])('%s has them in its 32x32 form', (name, parameters, macs) => {
    expect(costs(find(name), { form: 'cifar' })).toEqual([parameters, macs]);
  });

  it('has 100 classes and the counts of the 32x32 form as the article prints it', () => {
    expect(costs(vgg19Bn, { form: 'article' })).toEqual([39_327_652, 417_415_168]);
    const take = (size: number) => buildNetwork(vgg19Bn, { form: 'article', height: size, width: size });
    expect(take(63).logits.shape).toEqual([1, 100]);
    expect(() => take(64)).toThrow(/3x64x64: linear got 2048 features and weights of shape 4096x512/);
  });

  it('has the layer counts that its names promise', () => {
    for (const { name, forms } of family.networks) {
      for (const form of Object.keys(forms) as (keyof typeof forms)[]) {
        const { nodes } = buildNetwork(find(name), { form }).graph;
        const weighted = nodes.filter(({ op }) => ['convolution', 'linear'].includes(op.name));
        expect(weighted, `${name} (${form})`).toHaveLength(Number(/\d+/.exec(name)?.[0]));
      }
    }
  });

  it('has 1x1 convolutions at the end of three stages of configuration C', () => {
    const { states } = buildNetwork(vgg16C).graph;
    const ones = [...states].filter(([, { shape }]) => shape.length === 4 && shape[2] === 1);
    expect(ones.map(([name, { shape }]) => [name, shape[0]])).toEqual([
      ['features.14.weight', 256],
      ['features.21.weight', 512],
      ['features.28.weight', 512],
    ]);
  });

  it('normalises once in vgg11_lrn, whose weights are named as those of vgg11', () => {
    const { graph } = buildNetwork(vgg11Lrn);
    expect([...graph.states.keys()]).toEqual([...buildNetwork(vgg11).graph.states.keys()]);
    expect(graph.nodes.map(({ op }) => op.name).slice(0, 4)).toEqual([
      'convolution',
      'relu',
      'lrn',
      'maxPool',
    ]);
    expect(graph.nodes.filter(({ op }) => op.name === 'lrn')).toHaveLength(1);
  });

  it("has torchvision's and pytorch-cifar100's weight names", () => {
    for (const form of ['imagenet', 'cifar'] as const) {
      const names = [...buildNetwork(vgg16Bn, { form }).graph.states.keys()];
      expect(names).toContain('features.41.running_var');
      expect(names.filter((name) => /^classifier\..*weight/.test(name))).toEqual([
        'classifier.0.weight',
        'classifier.3.weight',
        'classifier.6.weight',
      ]);
    }
  });

  it('takes any size of at least 32 pixels, and refuses less with the reason', () => {
    const { logits } = buildNetwork(vgg11, { height: 300, width: 41, channels: 1, classes: 3 });
    expect(logits.shape).toEqual([1, 3]);
    expect(() => buildNetwork(vgg11, { height: 31, width: 224 })).toThrow(
      /vgg11 \(form imagenet\) does not allow pictures of 3x31x224: maxPool got a 1x14 picture/,
    );
  });
});
