import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { layerHealth, rectifiedLayers } from './health.ts';
import { type LayerScan, scanLayers } from './scan.ts';
import { noisePictures, tinyNetwork, tinySubject } from './top-testing.ts';

const engine = createReferenceEngine();

describe('rectifiedLayers', () => {
  it('has a path of its own for every ReLU of every network', () => {
    for (const description of networks) {
      const { graph } = buildNetwork(description);
      const rectified = graph.nodes.filter(({ op }) => op.name === 'relu').length;
      const paths = rectifiedLayers(buildNetwork(description));
      expect(paths.length, description.name).toBe(rectified);
      for (const path of paths) expect(graph.modules.has(path)).toBe(true);
    }
  });

  it('names blocks by what their ReLU gives', () => {
    expect(rectifiedLayers(tinyNetwork(1))).toEqual(['first', 'second']);
    const resnet = rectifiedLayers(buildNetwork(findNetwork('resnet18')));
    expect(resnet).toContain('layer1.0');
    expect(resnet).toContain('layer1.0.bn1');
  });
});

describe('layerHealth', () => {
  it('counts a unit as dead that no picture wakes', async () => {
    const subject = tinySubject();
    const { source } = noisePictures(9);
    const tensors = new Map(subject.tensors);
    // Map 3 gets a bias that nothing overcomes, map 1 one that nothing drowns.
    tensors.set('first.conv.bias', Float32Array.of(0, 1000, 0, -1000, 0));
    const [scan] = await scanLayers({
      subject: { ...subject, tensors },
      source,
      data: 'noise',
      layers: ['first'],
      engine,
      dtype: 'f32',
    });
    const health = layerHealth(scan as LayerScan);
    expect(health.dead).toEqual([3]);
    expect(health.awake[3]).toBe(0);
    expect(health.strongest[3]).toBe(0);
    expect(health.awake[1]).toBe(1);
    expect(health.always).toBeGreaterThanOrEqual(1);
    expect(health.strongest[1]).toBeGreaterThan(900);
  });
});
