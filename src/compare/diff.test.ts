import { describe, expect, it } from 'vitest';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork, type Form } from '../nets/network.ts';
import { diffNetworks } from './diff.ts';

const build = (name: string, form?: Form) => buildNetwork(findNetwork(name), { form });
const signs = (left: string, right: string) => {
  const { rows } = diffNetworks(build(left), build(right));
  return Map.groupBy(rows, ({ sign }) => sign);
};

describe('diffNetworks', () => {
  it('finds nothing between a network and itself', () => {
    const { rows, totals } = diffNetworks(build('resnet20'), build('resnet20'));
    expect(new Set(rows.map(({ sign }) => sign))).toEqual(new Set(['=']));
    expect(totals[0]).toEqual(totals[1]);
  });

  it('VGG-16 gains batch norms and nothing else', () => {
    const found = signs('vgg16', 'vgg16_bn');
    expect([...found.keys()].sort()).toEqual(['+', '=']);
    expect(found.get('+')?.map(({ right }) => right?.what)).toEqual(Array(13).fill('batch norm'));
  });

  it('turns the order of two networks into the other signs', () => {
    const found = signs('vgg16_bn', 'vgg16');
    expect(found.get('-')).toHaveLength(13);
    expect(found.get('+')).toBeUndefined();
  });

  it('faces each block of ResNet-34 with one of ResNet-18, where shapes allow', () => {
    const found = signs('resnet18', 'resnet34');
    expect(found.get('-')).toBeUndefined();
    // 8 blocks of two convolutions, two norms, two ReLUs and a sum.
    expect(found.get('+')).toHaveLength(8 * 7);
  });

  it('marks layers that differ in their filters, or in their input alone', () => {
    const { rows } = diffNetworks(build('resnet50'), build('resnext50_32x4d'));
    const named = (name: string) => rows.find(({ left }) => left?.name === name && left.op === 'convolution');
    expect(named('conv1')?.sign).toBe('=');
    expect(named('layer1.0.conv2')).toMatchObject({
      sign: '~',
      left: { what: 'conv 3x3, 64' },
      right: { what: 'conv 3x3, 128, 32 groups' },
    });
    const third = named('layer1.0.conv3');
    expect(third?.sign).toBe('~');
    expect(third?.left?.what).toBe(third?.right?.what);
    expect(third?.left?.params).not.toBe(third?.right?.params);
  });

  it('keeps all layers of both, in order', () => {
    const [first, second] = [build('googlenet'), build('seresnet50')];
    const { rows, totals } = diffNetworks(first, second);
    const names = (side: 'left' | 'right') => rows.flatMap((row) => (row[side] ? [row[side].name] : []));
    expect(names('left')).toEqual(first.graph.nodes.map(({ path }) => path));
    expect(names('right')).toEqual(second.graph.nodes.map(({ path }) => path));
    const sum = rows.reduce((total, { right }) => total + (right?.params ?? 0), 0);
    expect(sum).toBe(totals[1].params);
  });

  it('shows what the article changed: 516 channels in the last stage', () => {
    const name = networks.find((each) => each.name === 'seresnet18')?.name ?? '';
    const { rows } = diffNetworks(build(name, 'cifar'), build(name, 'article'));
    expect(rows.some(({ sign, right }) => sign === '~' && right?.what.startsWith('conv 3x3, 516'))).toBe(
      true,
    );
  });
});
