import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork, type Network } from '../../nets/network.ts';
import { copyByDepth } from './depth.ts';
import { frozenNames, headsOf, rateGroups } from './layers.ts';

const training = (name: string): Network => buildNetwork(findNetwork(name), { training: true });
const googlenet = training('googlenet');
const resnet = training('resnet18');

const layersOf = (names: Iterable<string>): string[] => [
  ...new Set([...names].map((name) => name.split('.')[0] as string)),
];

describe('the head', () => {
  it('is the layer that makes the logits, in networks of every family', () => {
    const heads = { alexnet: 'fc8', vgg11: 'classifier.6', resnet18: 'fc', seresnet18: 'last_linear' };
    for (const [name, path] of Object.entries(heads)) {
      expect(headsOf(buildNetwork(findNetwork(name)))[0]?.path).toBe(path);
    }
  });

  it('has side heads beside it in training alone', () => {
    expect(headsOf(googlenet).map(({ path, side }) => [path, side])).toEqual([
      ['fc', false],
      ['aux1.fc2', true],
      ['aux2.fc2', true],
    ]);
    expect(headsOf(buildNetwork(findNetwork('googlenet')))).toHaveLength(1);
  });
});

describe('what is frozen', () => {
  it('is a layer, or everything in a module, running statistics too', () => {
    const frozen = frozenNames(resnet, { freeze: ['conv1', 'layer1.0'] });
    expect(frozen).toContain('conv1.weight');
    expect(frozen).toContain('layer1.0.bn2.running_var');
    expect(frozen).not.toContain('layer1.1.conv1.weight');
    expect(frozen).not.toContain('bn1.weight');
  });

  it('is what comes before a layer, with side heads that hang on nothing else', () => {
    const frozen = frozenNames(googlenet, { freezeUntil: 'inception4e' });
    const free = [...googlenet.graph.states.keys()].filter((name) => !frozen.has(name));
    expect(layersOf(free)).toEqual(['inception4e', 'inception5a', 'inception5b', 'fc']);
    expect(frozenNames(googlenet, { freezeUntil: 'maxpool4' })).toContain('inception4e.branch1.weight');
    expect(frozenNames(googlenet, { freezeUntil: 'inception4b' })).not.toContain('aux2.fc2.weight');
  });

  it('is everything but some layers', () => {
    const frozen = frozenNames(googlenet, { trainOnly: ['head'] });
    const free = [...googlenet.graph.states.keys()].filter((name) => !frozen.has(name));
    expect(free).toEqual(['fc.weight', 'fc.bias']);
  });

  it('names the nearest layers after a slip', () => {
    expect(() => frozenNames(googlenet, { freeze: ['inception5x'] })).toThrow(
      /^googlenet \(form imagenet\) has no layer with weights at 'inception5x'\. Did you mean inception5/,
    );
    expect(() => frozenNames(googlenet, { freezeUntil: 'inception6' })).toThrow(
      /has no layer 'inception6'\. Did you mean inception/,
    );
    expect(() => frozenNames(googlenet, { trainOnly: ['heda'] })).toThrow(/ head/);
    expect(() => frozenNames(googlenet, { freezeUntil: 'conv1' })).toThrow(
      /nothing with weights before conv1/,
    );
  });
});

describe('groups of rates', () => {
  const rateOf = (groups: ReturnType<typeof rateGroups>, name: string): number =>
    groups.find(({ names }) => (names as readonly string[]).includes(name))?.rate ?? 1;

  it('follow the longest path that fits', () => {
    const groups = rateGroups(resnet, {
      freeze: ['conv1'],
      rates: { 'layer4.1': 0.5, layer4: 0.1, head: 2, 'layer4.1.conv2': 1 },
    });
    const rates = ['conv1', 'layer1.0.conv1', 'layer4.0.conv1', 'layer4.1.conv1', 'layer4.1.conv2', 'fc'].map(
      (layer) => rateOf(groups, `${layer}.weight`),
    );
    expect(rates).toEqual([0, 1, 0.1, 0.5, 1, 2]);
  });

  it.each([
    [
      { freeze: ['layer1'], rates: { 'layer1.0': 0.1 } },
      [],
      /layer1\.0 is frozen, so it has no learning rate/,
    ],
    [{ freeze: ['fc'] }, ['fc'], /The head fc is drawn afresh; frozen it would stay random/],
    [{ rates: { head: 0 } }, ['fc'], /frozen it would stay random/],
    [
      { freeze: ['conv1', 'bn1', 'layer1', 'layer2', 'layer3', 'layer4', 'fc'] },
      [],
      /nothing is left to train/,
    ],
    [{ rates: { fc: -1 } }, [], /factor of fc is -1; expected a number of at least 0/],
    [{ rates: { fd: 1 } }, [], /no layer with weights at 'fd'\. Did you mean fc/],
  ])('refuse %j', (config, drawn, message) => {
    const attempt = (): unknown => rateGroups(resnet, config, drawn);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(UserError);
  });
});

describe('a start from a network of another depth', () => {
  /** Stands for the numbers: copies are told apart by identity. */
  const numbersOf = ({ graph }: Network): Map<string, Float32Array> =>
    new Map([...graph.states.keys()].map((name) => [name, new Float32Array(1)]));
  const plain = (name: string): Network => buildNetwork(findNetwork(name));

  it('gives VGG-16 the first four convolutions and the last three linear layers of net A', () => {
    const [a, d] = [plain('vgg11'), plain('vgg16')];
    const numbers = numbersOf(a);
    const { copied, left, values } = copyByDepth(a, numbers, d);
    expect(left).toEqual([]);
    expect(copied).toEqual([
      ['features.0', 'features.0'],
      ['features.3', 'features.5'],
      ['features.6', 'features.10'],
      ['features.8', 'features.12'],
      ['classifier.6', 'classifier.6'],
      ['classifier.3', 'classifier.3'],
      ['classifier.0', 'classifier.0'],
    ]);
    expect(values.get('features.5.bias')).toBe(numbers.get('features.3.bias'));
    expect(values.size).toBe(14);
  });

  it('takes batch normalisations along, and leaves a head of other classes', () => {
    const shallow = buildNetwork(findNetwork('resnet20'), { classes: 10 });
    const deep = buildNetwork(findNetwork('resnet32'), { classes: 7 });
    const { copied, left, values } = copyByDepth(shallow, numbersOf(shallow), deep, { first: 3, last: 1 });
    expect(copied).toHaveLength(3);
    expect(left).toHaveLength(1);
    expect(values.size).toBe(15);
    expect([...values.keys()].filter((name) => name.endsWith('running_var'))).toHaveLength(3);
  });

  it('counts layers of a shape from the end for linear layers', () => {
    const [a, b] = [plain('vgg11'), buildNetwork(findNetwork('vgg16'), { classes: 12 })];
    expect(copyByDepth(a, numbersOf(a), b, { first: 0, last: 2 })).toMatchObject({
      copied: [['classifier.3', 'classifier.3']],
      left: ['classifier.6'],
    });
  });
});
