import { describe, expect, it } from 'vitest';
import { costOf } from '../graph/cost.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { checkSeed, findLayer, layerPaths, receptiveBox } from './layer.ts';

const googlenet = buildNetwork(findNetwork('googlenet'));

describe('findLayer', () => {
  it('finds layers and blocks by the paths that the weights use; a block is its output', () => {
    expect(findLayer(googlenet, 'inception4a.branch2')).toMatchObject({ units: 208, height: 14, width: 14 });
    const block = findLayer(googlenet, 'inception4a');
    expect(block.units).toBe(512);
    expect(block.value.source).toMatchObject({ kind: 'node', node: { op: { name: 'concat' } } });
    expect(findLayer(googlenet, 'fc')).toMatchObject({ units: 1000, height: 1, width: 1 });
    const resnet = buildNetwork(findNetwork('resnet18'));
    expect(findLayer(resnet, 'layer3.0')).toMatchObject({ units: 256, height: 14, width: 14 });
  });

  it('has a path for every layer of the summary that lies in a module', () => {
    const paths = new Set(layerPaths(googlenet));
    const named = costOf(googlenet.graph).layers.filter(({ name, op }) => name !== op);
    expect(named.length).toBeGreaterThan(50);
    for (const { name } of named) expect(paths, name).toContain(name);
  });

  it('names the nearest paths, and the units and positions that there are', () => {
    expect(() => findLayer(googlenet, 'incepton4a')).toThrow(
      /googlenet \(form imagenet\) has no layer 'incepton4a'\. Did you mean inception4a/,
    );
    const layer = findLayer(googlenet, 'inception4a');
    expect(() => checkSeed(layer, 512)).toThrow('inception4a has no unit 512; its 512 units are 0 to 511.');
    expect(() => checkSeed(layer, -1)).toThrow('no unit -1');
    expect(() => checkSeed(layer, 0, [3, 14])).toThrow('no position 3,14; its maps are 14x14, 0,0 to 13,13.');
    expect(() => checkSeed(layer, 511, [13, 13])).not.toThrow();
  });
});

describe('receptiveBox', () => {
  it("has the sizes and steps of ZFNet's layers", () => {
    const network = buildNetwork(findNetwork('zfnet'));
    const maps = [...network.graph.modules].filter(([, { shape }]) => shape.length === 4);
    const fields = new Map(costOf(network.graph).layers.map((each) => [each.name, each]));
    let compared = 0;
    for (const [path] of maps) {
      const layer = findLayer(network, path);
      const { receptiveField = 0, jump = 0 } = fields.get(path) ?? {};
      const middle = Math.floor(layer.height / 2);
      if (receptiveField === 0 || receptiveField > 110) continue;
      const box = receptiveBox(network, layer, middle, middle);
      expect(box.bottom - box.top, path).toBe(receptiveField);
      expect(box.right - box.left, path).toBe(receptiveField);
      const next = receptiveBox(network, layer, middle, middle + 1);
      expect([next.top - box.top, next.left - box.left], path).toEqual([0, jump]);
      compared++;
    }
    expect(compared).toBeGreaterThan(3);
  });

  it('is cut at the borders, and the whole picture behind a linear layer', () => {
    const layer = findLayer(googlenet, 'conv1');
    expect(receptiveBox(googlenet, layer, 0, 0)).toEqual({ top: 0, left: 0, bottom: 4, right: 4 });
    expect(receptiveBox(googlenet, layer, 111, 5)).toEqual({ top: 219, left: 7, bottom: 224, right: 14 });
    const whole = { top: 0, left: 0, bottom: 224, right: 224 };
    expect(receptiveBox(googlenet, findLayer(googlenet, 'fc'), 0, 0)).toEqual(whole);
  });

  it('is not widened by a gate', () => {
    const senet = buildNetwork(findNetwork('seresnet50'));
    const { top, left, bottom, right } = receptiveBox(senet, findLayer(senet, 'layer1.0'), 20, 20);
    // As in ResNet-50: a 7x7 convolution, a 3x3 pool and a 3x3 convolution.
    expect([bottom - top, right - left]).toEqual([19, 19]);
  });
});
