import { describe, expect, it } from 'vitest';
import type { Initial } from '../graph/graph.ts';
import { findNetwork } from '../nets/index.ts';
import { type BuildOptions, buildNetwork, type Network } from '../nets/network.ts';
import { applyInitial, type InitialScheme, initialSchemes } from './initial.ts';

function started(
  name: string,
  scheme: InitialScheme,
  options: BuildOptions = {},
): (state: string) => Initial {
  const network = buildNetwork(findNetwork(name), { training: true, batch: 2, ...options });
  applyInitial(network, scheme);
  return (state) => initialOf(network, state);
}

function initialOf({ graph }: Network, name: string): Initial {
  const source = graph.states.get(name)?.source;
  if (source?.kind !== 'state') throw new Error(`no state ${name}`);
  return source.initial;
}

const constant = (value: number) => ({ kind: 'constant', value });

describe('applyInitial', () => {
  it("leaves the network's own start with 'network'", () => {
    const [own, same] = ['vgg16', 'vgg16'].map((name) => buildNetwork(findNetwork(name)));
    if (!own || !same) return;
    applyInitial(same, 'network');
    for (const name of own.graph.states.keys()) expect(initialOf(same, name)).toEqual(initialOf(own, name));
  });

  it("gives AlexNet by 'alexnet-2012' the start that its own file has", () => {
    const own = buildNetwork(findNetwork('alexnet'), { training: true, batch: 2 });
    const laid = started('alexnet', 'alexnet-2012');
    for (const [name, { source }] of own.graph.states) {
      expect(laid(name), name).toEqual(source.kind === 'state' && source.initial);
    }
  });

  it("gives ZFNet by 'zfnet' the start that its own file has", () => {
    const own = buildNetwork(findNetwork('zfnet'), { training: true, batch: 2 });
    const laid = started('zfnet', 'zfnet');
    for (const [name, { source }] of own.graph.states) {
      expect(laid(name), name).toEqual(source.kind === 'state' && source.initial);
    }
  });

  it("gives ResNet's filters by 'he' the start that its own file has, and linear layers 2 / inputs", () => {
    const own = buildNetwork(findNetwork('resnet18'), { form: 'imagenet', training: true, batch: 2 });
    const laid = started('resnet18', 'he', { form: 'imagenet' });
    for (const name of ['conv1.weight', 'layer1.0.conv1.weight', 'layer2.0.downsample.0.weight']) {
      expect(laid(name)).toEqual(initialOf(own, name));
    }
    expect(laid('fc.weight')).toEqual({ kind: 'normal', deviation: Math.sqrt(2 / 512) });
    expect(laid('fc.bias')).toEqual(constant(0));
    expect(laid('bn1.weight')).toEqual(constant(1));
  });

  it("draws by 'glorot' from inputs and outputs", () => {
    const laid = started('lenet', 'glorot', { form: 'imagenet' });
    expect(laid('conv2.weight')).toEqual({ kind: 'uniform', bound: Math.sqrt(6 / (25 * (6 + 16))) });
    expect(laid('fc2.weight')).toEqual({ kind: 'uniform', bound: Math.sqrt(6 / (120 + 84)) });
    expect(laid('fc2.bias')).toEqual(constant(0));
  });

  it.each([
    ['resnet18', 'imagenet', /^layer\d\.\d\.bn2\.weight$/, 8],
    ['resnet50', 'imagenet', /^layer\d\.\d+\.bn3\.weight$/, 16],
    ['senet154', 'imagenet', /^layer\d\.\d+\.bn3\.weight$/, 50],
    // Its branches end in a ReLU: behind a 0 no gradient would come through it.
    ['seresnet18', 'cifar', /^$/, 0],
  ] as const)(
    "ends each branch of %s with 0 by 'zero-gamma', and nothing else",
    (name, form, last, count) => {
      const network = buildNetwork(findNetwork(name), { form, training: true, batch: 2 });
      applyInitial(network, 'zero-gamma');
      const norms = network.graph.nodes
        .filter(({ op }) => op.name === 'batchNormTraining')
        .map(({ path }) => `${path}.weight`);
      const zeros = norms.filter((gamma) => {
        const initial = initialOf(network, gamma);
        return initial.kind === 'constant' && initial.value === 0;
      });
      expect(zeros).toHaveLength(count);
      for (const gamma of zeros) expect(gamma).toMatch(last);
    },
  );

  it('starts side heads as the main one: their hidden layers, not their logits, with 1', () => {
    const laid = started('googlenet', 'alexnet-2012', { form: 'imagenet' });
    const network = buildNetwork(findNetwork('googlenet'), { form: 'imagenet', training: true, batch: 2 });
    const biases = network.graph.nodes
      .filter(({ op }) => op.name === 'linear')
      .map(({ path }) => [path, (laid(`${path}.bias`) as { value: number }).value]);
    expect(biases.map(([, value]) => value).sort()).toEqual([0, 0, 0, 1, 1]);
  });

  it('knows its schemes by name', () => {
    for (const scheme of initialSchemes) expect(() => started('lenet', scheme)('conv1.weight')).not.toThrow();
  });
});
