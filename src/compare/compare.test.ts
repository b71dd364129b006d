import { describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { fast } from '../train/recipes/fast.ts';
import { buildTrainingStep } from '../train/step.ts';
import { type Comparison, compare } from './compare.ts';
import { toCsv } from './csv.ts';
import { publishedByProtocol } from './published.ts';
import { trainingMemory } from './training-memory.ts';

const comparison = compare();

/** RFC 4180, enough of it to read what is written. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r"]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

describe('compare', () => {
  it('has every network there is, and with a form those that have it', () => {
    expect(comparison.networks.map(({ net }) => net)).toEqual(networks.map(({ name }) => name));
    const article = compare({ form: 'article', batch: 1 }).networks;
    expect(article.map(({ net }) => net)).toEqual(
      networks.filter(({ forms }) => forms.article).map(({ name }) => name),
    );
    expect(article.every(({ form }) => form === 'article')).toBe(true);
  });

  // The number in a network's name is its count of weighted layers on the longest way.
  it.each(
    networks.flatMap(({ name }) => {
      const [, digits] = /^(?:vgg|(?:se)?resnet|(?:se)?resnext|senet)(\d+)/.exec(name) ?? [];
      return digits === undefined ? [] : [[name, Number(digits)] as const];
    }),
  )('%s has the depth %d', (net, depth) => {
    expect(comparison.networks.find((each) => each.net === net)?.depth).toBe(depth);
  });

  it.each([
    ['lenet', 5],
    ['alexnet', 8],
    ['zfnet', 8],
    ['googlenet', 22],
  ])('%s has the depth %d that its paper counts', (net, depth) => {
    expect(comparison.networks.find((each) => each.net === net)?.depth).toBe(depth);
  });

  it('counts activations as the literature does (Radosavovic et al. 2020, table 2: ResNet-50 11.1M)', () => {
    const { activations } = comparison.networks.find(({ net }) => net === 'resnet50') ?? {};
    expect((activations ?? 0) / 1e6).toBeCloseTo(11.1, 1);
  });

  it('names the nearest networks, and the forms that there are', () => {
    expect(() => compare({ nets: ['resnet19'] })).toThrow(/no network named 'resnet19'.*resnet1/);
    expect(() => compare({ nets: ['resnet20'], form: 'article' })).toThrow(/resnet20 has no form 'article'/);
  });
});

describe('memory of training', () => {
  const lenet = findNetwork('lenet');

  it('counts weights, gradients and momentum once each, in f32 whatever the compute type', () => {
    const { f32, bf16 } = trainingMemory(lenet, { batch: 4 });
    for (const { weights, gradients, momentum } of [f32, bf16]) {
      expect([weights, gradients, momentum]).toEqual([4 * 61_706, 4 * 61_706, 4 * 61_706]);
    }
    expect(f32.total).toBe(f32.weights + f32.gradients + f32.momentum + f32.activations);
  });

  it('grows with the batch, and halves with bf16 but for what stays in 32 bits', () => {
    const [one, eight] = [trainingMemory(lenet, { batch: 1 }), trainingMemory(lenet, { batch: 8 })];
    expect(eight.f32.activations / one.f32.activations).toBeCloseTo(8, 1);
    expect(eight.bf16.activations / eight.f32.activations).toBeCloseTo(0.5, 2);
  });

  it('keeps no less than what backward reads: LeNet, by hand', () => {
    // Pictures, tanh after conv1 and conv2, both pools (their inputs' sizes only), fc1, fc2.
    const kept = 1024 + 4704 + 1176 + 1600 + 400 + 120 + 84;
    const { activations } = trainingMemory(lenet, { batch: 1 }).f32;
    expect(activations).toBeGreaterThanOrEqual(4 * (kept - 4704 - 1176));
    expect(activations).toBeLessThan(4 * kept * 2);
  });

  const { engine } = tryCreateOneDnnEngine();
  // LeNet's six channels lie in blocks of 16 on AVX-512, which take 16 / 6 of the room.
  const padding = /AVX-512/.test(engine?.describe().isa ?? '') ? 16 / 6 : 1;
  it.skipIf(engine === undefined).each([
    ['lenet', 1.5 * padding],
    ['resnet20', 1.5],
  ] as const)('is near what the native engine plans for %s', (name, most) => {
    const description: NetworkDescription = findNetwork(name);
    const network = buildNetwork(description, { batch: 16, training: true });
    const { graph } = buildTrainingStep(network, { optimizer: fast.optimizer });
    const program = engine?.compile(graph, { dtype: 'f32' });
    const { arenaBytes = 0 } = program?.report() ?? {};
    program?.dispose();
    const { activations, gradients } = trainingMemory(description, { batch: 16 }).f32;
    expect(arenaBytes / (activations + gradients)).toBeGreaterThan(0.6);
    expect(arenaBytes / (activations + gradients)).toBeLessThan(most);
  });
});

describe('published errors', () => {
  it('stand with those of their protocol only, whosever weights', () => {
    const groups = publishedByProtocol(networks);
    const keys = groups.map(({ dataset, protocol }) => `${dataset}: ${protocol}`);
    expect(new Set(keys).size).toBe(keys.length);
    const crop = groups.find(({ entries }) => entries.some(({ weights }) => weights === 'torchvision'));
    expect(crop?.protocol).toBe('one model, centre crop 224 of 256');
    expect(crop?.entries).toContainEqual(
      expect.objectContaining({ net: 'resnet50', top1Error: 23.87, weights: 'torchvision' }),
    );
    expect(crop?.entries.map(({ net }) => net)).not.toContain('zfnet');
  });

  it('are all there', () => {
    const given = networks.reduce((sum, { published = [] }) => sum + published.length, 0);
    const found = comparison.published.reduce((sum, { entries }) => sum + entries.length, 0);
    expect(found).toBe(given);
  });
});

describe('CSV', () => {
  const rows = parseCsv(toCsv(comparison));
  const [heading = [], ...lines] = rows;

  it('is a rectangle with a row per network and exact counts', () => {
    expect(lines).toHaveLength(networks.length);
    for (const line of lines) expect(line).toHaveLength(heading.length);
    const alexnet = lines.find(([name]) => name === 'alexnet') ?? [];
    expect(alexnet[heading.indexOf('params')]).toBe('60965224');
    expect(alexnet[heading.indexOf('place')]).toBe('winner of ILSVRC 2012');
  });

  it('has every error in a column of its protocol', () => {
    expect(new Set(heading).size).toBe(heading.length);
    const column = heading.indexOf('top1Error: ILSVRC 2012 validation, one model, 10 crops of 224');
    const filled = lines
      .filter((line) => line[column] !== '')
      .map(([name, ...rest]) => [name, rest[column - 1]]);
    expect(filled).toEqual([
      ['alexnet', '40.7'],
      ['zfnet', '38.4'],
      ['resnet34', '25.03'],
    ]);
  });

  it('quotes commas, quotes and line ends', () => {
    const odd: Comparison = {
      batch: 1,
      published: [],
      networks: comparison.networks.slice(0, 1).map((each) => ({ ...each, place: 'a "b", c\r\nd' })),
    };
    expect(parseCsv(toCsv(odd))[1]?.[3]).toBe('a "b", c\r\nd');
  });
});
