import { describe, expect, it } from 'vitest';
import { createGraph, input, type Value } from '../graph/graph.ts';
import { add, concat, relu } from '../graph/ops/index.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { type Layers, layers } from '../nets/layers.ts';
import { type BuildOptions, buildNetwork, type Form, type Network } from '../nets/network.ts';
import { fold, mergeEqual } from './fold.ts';
import { type Layer, levelsOf, type Piece, rowsOf, type Series } from './pieces.ts';
import { structureOf } from './structure.ts';
import { unitsOf } from './units.ts';

function structure(name: string, options: BuildOptions = {}): Series {
  return structureOf(unitsOf(buildNetwork(findNetwork(name), options)));
}

/** A network of one's own. */
function made(build: (x: Value, net: Layers) => Value): Series {
  const graph = createGraph();
  const images = input(graph, 'images', [1, 4, 8, 8]);
  const logits = build(images, layers(graph, { training: false }));
  const network: Network = {
    name: 'made',
    form: 'imagenet',
    classes: 1,
    options: {},
    graph,
    images,
    logits,
    auxiliary: [],
  };
  return structureOf(unitsOf(network));
}

/** `a (b | c) add [layer1: ...]`. */
function text(piece: Piece | Series): string {
  switch (piece.kind) {
    case 'layer':
      return `${piece.path === '' || piece.type === 'join' ? piece.title : piece.path}${piece.from ? `<${piece.from.join()}>` : ''}`;
    case 'block':
      return `[${piece.path}: ${text(piece.body)}]${piece.repeats > 1 ? `x${piece.repeats}` : ''}`;
    case 'series':
      return piece.items.map(text).join(' ');
    case 'parallel':
      return `(${piece.branches.map((branch) => text(branch) || '-').join(' | ')})`;
  }
}

function layersIn(piece: Piece | Series): Layer[] {
  if (piece.kind === 'layer') return [piece];
  if (piece.kind === 'block') return layersIn(piece.body);
  return (piece.kind === 'series' ? piece.items : piece.branches).flatMap(layersIn);
}

describe('structureOf', () => {
  it('takes norms and activations into the layer before them', () => {
    const [first] = layersIn(structure('resnet18'));
    expect(first).toMatchObject({
      path: 'conv1',
      title: 'conv 7x7, 64 /2',
      followers: ['batch norm', 'ReLU'],
    });
    expect(first).toMatchObject({ params: 9408 + 128, macs: 118_013_952, shape: [64, 112, 112] });
  });

  it('puts a residual branch beside its shortcut', () => {
    const found = text(structure('resnet18'));
    expect(found).toContain('[layer1.0: (layer1.0.conv1 layer1.0.conv2 | -) add]');
    expect(found).toContain('[layer2.0: (layer2.0.conv1 layer2.0.conv2 | layer2.0.downsample.0) add]');
  });

  it('puts the branches of Inception beside each other, and the gate of SE beside its way', () => {
    expect(text(structure('googlenet'))).toContain(
      '(inception3a.branch1 | inception3a.branch2.0 inception3a.branch2.1 | inception3a.branch3.0 ' +
        'inception3a.branch3.1 | inception3a.branch4.0 inception3a.branch4.1) concat',
    );
    expect(text(structure('senet154'))).toMatch(/conv3 \(\S+squeeze \S+fc1 \S+fc2 \| -\) multiply \|/);
  });

  it('shows where side heads leave the way in training', () => {
    const found = text(structure('googlenet', { training: true }));
    expect(found).toMatch(/\(.*aux1.* \| .*inception4b.*\(.*aux2.* \| .*inception4e.*\)\)$/);
  });

  it('draws the plain chain of VGG without a frame, and says what a layer that cannot be taken apart reads', () => {
    expect(structure('vgg16').items.filter(({ kind }) => kind === 'layer').length).toBeGreaterThan(13);
    const found = made((x, net) => {
      const [a, b] = [net.conv(x, 'a', 4, 1), net.conv(x, 'b', 4, 1)];
      const c = add(net.conv(a, 'c', 4, 1), b);
      return concat([c, net.conv(b, 'd', 4, 1)]);
    });
    expect(text(found)).toBe('a<the input> b<the input> c<a> add<c,b> d<b> concat');
  });

  it('joins a sum of sums into one', () => {
    const found = made((x, net) => {
      const parts = ['a', 'b', 'c'].map((name) => net.conv(x, name, 4, 1));
      return relu(parts.reduce((sum, part) => add(sum, part)));
    });
    expect(text(found)).toBe('(a | b | c) add');
  });

  const everything = networks.flatMap(({ name, forms }) =>
    (Object.keys(forms) as Form[]).flatMap((form) =>
      [false, true].map((training) => [name, form, training] as const),
    ),
  );
  it('has every weight of every network, and takes all of them apart', () => {
    for (const [name, form, training] of everything) {
      const network = buildNetwork(findNetwork(name), { form, training });
      const whole = structureOf(unitsOf(network));
      const all = layersIn(whole);
      const params = [...network.graph.states.values()].reduce((sum, { shape, source }) => {
        const isParameter = source.kind === 'state' && source.role === 'parameter';
        return sum + (isParameter ? shape.reduce((product, size) => product * size, 1) : 0);
      }, 0);
      expect(
        all.reduce((sum, layer) => sum + layer.params, 0),
        name,
      ).toBe(params);
      expect(
        all.filter(({ from }) => from !== undefined),
        name,
      ).toEqual([]);
    }
  });
});

describe('fold', () => {
  it('draws equal blocks once, with their number and their sum', () => {
    const merged = mergeEqual(structure('resnet152'));
    const third = merged.items.find((piece) => piece.kind === 'block' && piece.path === 'layer3');
    const blocks = third?.kind === 'block' ? third.body.items : [];
    expect(
      blocks.map((piece) => (piece.kind === 'block' ? [piece.path, piece.lastPath, piece.repeats] : piece)),
    ).toEqual([
      ['layer3.0', 'layer3.0', 1],
      ['layer3.1', 'layer3.35', 35],
    ]);
    const repeated = blocks[1];
    // Two 1x1 of 256 x 1024, a 3x3 of 256 x 256, and three norms.
    const each = 2 * 256 * 1024 + 9 * 256 * 256 + 2 * (256 + 256 + 1024);
    expect(repeated?.kind === 'block' && repeated.params).toBe(35 * each);
  });

  it('draws 32 equal paths as one', () => {
    const view = fold(structure('resnext50_32x4d', { options: { construction: 'split-sum' } }));
    expect(text(view)).toMatch(/\(\[: layer1\.0\.paths\.0\.conv1 .*?\]x32\) add/);
  });

  it('fits every network, unfolds all on request, and folds to a level', () => {
    for (const { name } of networks) expect(rowsOf(fold(structure(name))), name).toBeLessThanOrEqual(90);
    const whole = structure('resnet152');
    expect(rowsOf(fold(whole, 'all'))).toBe(rowsOf(whole));
    const top = fold(whole, 0);
    expect(top.items.map((piece) => piece.kind === 'block' && piece.folded)).toContain(true);
    expect(rowsOf(top)).toBe(top.items.length);
    expect(levelsOf(whole)).toBe(2);
  });
});
