import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { buildNetwork } from '../network.ts';
import { zfnet } from './zfnet.ts';

describe('zfnet', () => {
  it.each([
    [{}, 62_357_608],
    [{ wide: true }, 107_627_624],
    // Layers 6, 7 and 8 by hand: 9216 x fc + fc x fc + fc x 1000, with biases.
    [{ fc: 2048 }, 3_726_464 + 9217 * 2048 + 2049 * 2048 + 2049 * 1000],
    [{ fc: 8192 }, 3_726_464 + 9217 * 8192 + 8193 * 8192 + 8193 * 1000],
    [{ remove: '7' }, 62_357_608 - 4097 * 4096],
    [{ remove: '67' }, 3_726_464 + 9217 * 1000],
  ])('has the parameters of %o', (options, parameters) => {
    expect(costOf(buildNetwork(zfnet, { options }).graph).parameters).toBe(parameters);
  });

  it('costs 1.168 G multiply-adds', () => {
    expect(costOf(buildNetwork(zfnet).graph).macs).toBe(1_168_032_896);
  });

  it('has the planes of figure 3: 110, 55, 26, 13 and 6 wide', () => {
    const { graph } = buildNetwork(zfnet);
    const widths = ['conv1', 'pool1', 'conv2', 'pool2', 'conv5', 'pool5'].map(
      (name) => graph.modules.get(name)?.shape[3],
    );
    expect(widths).toEqual([110, 55, 26, 13, 13, 6]);
  });

  it('has the receptive fields and jumps that follow from it', () => {
    const rows = costOf(buildNetwork(zfnet).graph).layers.filter(({ name }) => /^(conv|pool)/.test(name));
    expect(rows.map(({ name, receptiveField, jump }) => `${name} ${receptiveField}/${jump}`)).toEqual([
      'conv1 7/2',
      'pool1 11/4',
      'conv2 27/8',
      'pool2 43/16',
      'conv3 75/16',
      'conv4 107/16',
      'conv5 139/16',
      'pool5 171/32',
    ]);
  });

  it('normalises after the pools of layers 1 and 2', () => {
    const ops = buildNetwork(zfnet).graph.nodes.map(({ op }) => op.name);
    expect(ops.slice(0, 5)).toEqual(['convolution', 'relu', 'maxPool', 'lrn', 'convolution']);
    expect(ops.filter((name) => name === 'lrn')).toHaveLength(2);
  });

  it('keeps its planes with pools that do not overlap, and gives up normalisation and ReLU when told', () => {
    const options = { pooling: 'plain', lrn: false, activation: 'tanh' };
    const { graph, logits } = buildNetwork(zfnet, { options });
    const widths = ['pool1', 'pool2', 'pool5'].map((name) => graph.modules.get(name)?.shape[3]);
    expect(widths).toEqual([55, 13, 6]);
    const ops = new Set(graph.nodes.map(({ op }) => op.name));
    expect([ops.has('lrn'), ops.has('relu'), ops.has('tanh')]).toEqual([false, false, true]);
    expect(logits.shape).toEqual([1, 1000]);
  });

  it('has planes of 32, 16, 8 and 4 in its 32x32 form', () => {
    const { graph, logits } = buildNetwork(zfnet, { form: 'cifar' });
    expect(['conv1', 'conv2', 'conv5', 'pool5'].map((name) => graph.modules.get(name)?.shape[2])).toEqual([
      32, 16, 8, 4,
    ]);
    expect(logits.shape).toEqual([1, 100]);
  });

  it('refuses pictures that its filters do not fit', () => {
    expect(() => buildNetwork(zfnet, { height: 16, width: 16 })).toThrow(
      /zfnet \(form imagenet\) does not allow pictures of 3x16x16: convolution got a 3x3 picture/,
    );
    expect(() => buildNetwork(zfnet, { form: 'article' })).toThrow(/zfnet has no form 'article'/);
  });
});
