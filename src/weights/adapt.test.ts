import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type Form } from '../nets/network.ts';
import { adaptWeights, fitWeights } from './adapt.ts';
import { namingMapFor, namingMaps } from './naming-maps.ts';
import { publishedByFile, publishedWeights } from './published.ts';
import { readSafetensors } from './safetensors.ts';
import type { Tensor, TensorFile } from './tensor-file.ts';

/** A file with a network's states, empty of data where only names matter. */
function statesOf(name: string, form: Form, training: boolean, rename = (each: string) => each): TensorFile {
  const { states } = buildNetwork(findNetwork(name), { form, training }).graph;
  const tensors = [...states.keys()].map((each): [string, Tensor] => [
    rename(each),
    { shape: [], data: Float32Array.of(1) },
  ]);
  return { tensors: new Map(tensors), metadata: {} };
}

describe('naming maps', () => {
  it.each(namingMaps)("$title names each of $network's tensors once", ({ network, form, names }) => {
    const { states } = buildNetwork(findNetwork(network), { form }).graph;
    expect([...names.values()].toSorted()).toEqual([...states.keys()].toSorted());
  });

  it('are applied when all their names are there, and only to their network', () => {
    const map = namingMaps[0];
    const theirs = new Map([...(map?.names ?? [])].map(([their, our]) => [our, their]));
    const file = statesOf('googlenet', 'imagenet', false, (name) => theirs.get(name) ?? name);
    expect(namingMapFor(file)).toBe(map);
    expect(namingMapFor(file, 'resnet18')).toBeUndefined();
    const { file: adapted, notes } = adaptWeights(file, findNetwork('googlenet'), 'imagenet');
    expect([...adapted.tensors.keys()]).toEqual([...statesOf('googlenet', 'imagenet', false).tensors.keys()]);
    expect(notes).toEqual([
      "The names of Caffe's bvlc_googlenet, RGB were translated to those of googlenet.",
    ]);
    const tensors = new Map([...file.tensors].slice(1));
    expect(namingMapFor({ ...file, tensors })).toBeUndefined();
  });

  const bvlc = join(import.meta.dirname, '../../../shared/data/googlenet-bvlc.safetensors');
  it.skipIf(!existsSync(bvlc))("BVLC's GoogLeNet fits ours (skipped where the weights are missing)", () => {
    const description = findNetwork('googlenet');
    const { file, map } = fitWeights(readSafetensors(bvlc), description, { form: 'imagenet' }, bvlc);
    expect(file.tensors.size).toBe(116);
    expect(map?.preprocessing).toMatchObject({ range: 255, resize: 256, height: 224 });
  });
});

describe('adaptWeights', () => {
  it.each(['googlenet', 'googlenet_bn'])(
    "leaves out the side heads of %s's training form, and says so",
    (name) => {
      const file = statesOf(name, 'imagenet', true);
      const { file: adapted, notes } = adaptWeights(file, findNetwork(name), 'imagenet');
      const wanted = statesOf(name, 'imagenet', false);
      expect(adapted.tensors.size).toBeLessThan(file.tensors.size);
      expect([...adapted.tensors.keys()].toSorted()).toEqual([...wanted.tensors.keys()].toSorted());
      expect(notes).toEqual([
        expect.stringMatching(/^\d+ tensors of the side heads \(aux1\..*only training uses them/),
      ]);
    },
  );

  it('gives a file that fits back as it is, counters included', () => {
    const file = statesOf('resnet18', 'imagenet', false);
    const tensors = new Map([
      ...file.tensors,
      ['bn1.num_batches_tracked', { shape: [], data: Float32Array.of(9) }],
    ]);
    const whole = { ...file, tensors };
    expect(adaptWeights(whole, findNetwork('resnet18'), 'imagenet')).toEqual({ file: whole, notes: [] });
  });
});

describe('fitWeights', () => {
  it('puts tensors into the order of the network, and refuses others by name', () => {
    const description = findNetwork('lenet');
    const states = [...buildNetwork(description).graph.states];
    const entries = states.map(([name, { shape }]): [string, Tensor] => [
      name,
      { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
    ]);
    const file = { tensors: new Map(entries.toReversed()), metadata: {} };
    const fitted = fitWeights(file, description, { form: 'imagenet' }, 'x');
    expect([...fitted.file.tensors.keys()]).toEqual(states.map(([name]) => name));
    const act = () => fitWeights(file, description, { form: 'imagenet', classes: 7 }, 'x');
    expect(act).toThrow(UserError);
    expect(act).toThrow('x does not fit the network');
  });
});

describe('published weights', () => {
  it.each(publishedWeights)(
    '$file belongs to a network that there is',
    ({ network, form, file, ...rest }) => {
      expect(findNetwork(network).forms).toHaveProperty(form);
      expect(file).toBe(rest.url.split('/').at(-1));
      expect(file).toContain(`-${rest.sha256Prefix}.pth`);
      expect(rest.sha256Prefix).toMatch(/^[0-9a-f]{8}$/);
    },
  );

  it('are one per network, and known by the name of their file', () => {
    const networks = publishedWeights.map(({ network }) => network);
    expect(new Set(networks).size).toBe(networks.length);
    expect(publishedByFile('/some/where/resnet50-0676ba61.pth')?.network).toBe('resnet50');
    expect(publishedByFile('resnet50.pth')).toBeUndefined();
  });

  const models = '/usr/lib/python3/dist-packages/torchvision/models';
  it.skipIf(!existsSync(models))("torchvision's have its addresses (skipped without torchvision)", () => {
    const sources = ['alexnet', 'vgg', 'resnet', 'googlenet'].map((name) =>
      readFileSync(`${models}/${name}.py`, 'utf8'),
    );
    const theirs = publishedWeights.filter(({ source }) => source.startsWith('torchvision'));
    expect(theirs.length).toBeGreaterThan(15);
    for (const { url } of theirs) expect(sources.join('\n')).toContain(`url="${url}"`);
  });
});
