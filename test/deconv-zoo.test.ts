// No view knows a particular network: every network of the zoo can be projected from its graph alone, by every rule.
import { describe, expect, it } from 'vitest';
import { findLayer, layerPaths, receptiveBox } from '../src/explain/layer.ts';
import { rules } from '../src/explain/project.ts';
import { walkBack } from '../src/graph/autodiff.ts';
import { input } from '../src/graph/graph.ts';
import { networks } from '../src/nets/index.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';

const forms = networks.flatMap((description) =>
  (Object.keys(description.forms) as Form[]).map((form) => ({ name: description.name, form, description })),
);

describe('every network', () => {
  it.each(forms)(
    '$name, form $form: all layers are found, and a signal at the logits reaches the pixels',
    ({ description, form }) => {
      for (const rule of rules) {
        const network = buildNetwork(description, { form });
        const { graph, images, logits } = network;
        const seed = input(graph, 'signal', logits.shape);
        const pixels = walkBack(graph, new Map([[logits, seed]]), [images], { rule }).get(images);
        expect(pixels?.shape).toEqual(images.shape);
      }
      const network = buildNetwork(description, { form });
      const paths = layerPaths(network);
      expect(paths).toEqual([...network.graph.modules.keys()]);
      const [, , height, width] = network.images.shape as [number, number, number, number];
      for (const path of [paths[0], paths[paths.length >> 1], paths.at(-1)]) {
        const layer = findLayer(network, path ?? '');
        const box = receptiveBox(network, layer, layer.height - 1, 0);
        expect(box.top).toBeLessThan(box.bottom);
        expect(box.left).toBe(0);
        expect(box.bottom).toBeLessThanOrEqual(height);
        expect(box.right).toBeLessThanOrEqual(width);
      }
    },
  );
});
