// The views over data sets and single pictures, from the command line to their files: `laurel viz top`, `health`,
// `filters`, `activations`, `gradcam` and `rules`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { readNpy, writeNpy } from '../src/weights/npy.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { wave, writeStartingWeights } from './network-files.ts';

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const net = 'lenet';
const lenet = [net, '--form', 'article', '--weights', file('w.safetensors')];
const over = ['--data', file('shapes'), '--cache', file('scans')];

beforeAll(() => {
  writeStartingWeights(file('w.safetensors'), net, { form: 'article', classes: 4 });
  writeSyntheticIdx(file('shapes'), { train: 12, test: 15, classes: 4 });
  writeNpy(file('x.npy'), [1, 1, 28, 28], wave(28 * 28));
});

async function json(...args: string[]) {
  const { code, stdout, stderr } = await laurel(['viz', ...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

async function paths(): Promise<string[]> {
  const { stdout } = await laurel(['summary', net, '--form', 'article', '--json']);
  return JSON.parse(stdout).layers.map((layer: { name: string }) => layer.name);
}

describe('laurel viz top', () => {
  it('writes a sheet for each layer, and scans no second time', async () => {
    const [first = '', second = ''] = (await paths()).filter((path) => /conv|^features/.test(path));
    const layers = ['--layer', second === '' ? first : `${first},${second}`];
    const out = ['--out', file('top')];
    const result = await json('top', ...lenet, ...over, ...layers, '--maps', '2', ...out);
    for (const { layer, figure, maps, pictures } of result.layers) {
      expect(pictures).toBe(15);
      expect(maps).toHaveLength(2);
      expect((await sharp(figure).metadata()).format, layer).toBe('png');
      for (const { projections, top } of maps) {
        expect(top).toHaveLength(9);
        expect(readNpy(projections).shape.slice(0, 2)).toEqual([9, 1]);
        expect(new Set(top.map(({ index }: { index: number }) => index)).size).toBe(9);
      }
    }
    const stored = readdirSync(file('scans'));
    expect(stored).toHaveLength(result.layers.length);
    const again = await json('top', ...lenet, ...over, ...layers, '--maps', '2', ...out);
    expect(again.layers).toEqual(result.layers);
    expect(readdirSync(file('scans'))).toEqual(stored);
  });

  it('refuses what is not there in one sentence, before it scans', async () => {
    const [path = ''] = (await paths()).filter((each) => /conv|^features/.test(each));
    const run = (...more: string[]) =>
      laurel([
        'viz',
        'top',
        ...lenet,
        '--data',
        file('shapes'),
        '--cache',
        file('none'),
        '--out',
        file('t'),
        ...more,
      ]);
    const layer = await run('--layer', `${path}x`);
    expect(layer.code).toBe(2);
    expect(layer.stderr).toContain(`has no layer '${path}x'. Did you mean ${path}`);
    const unit = await run('--layer', path, '--units', '99');
    expect(unit.code).toBe(2);
    expect(unit.stderr).toMatch(/has no unit 99; its \d+ units are 0 to \d+\./);
    const list = await run('--layer', path, '--units', '1,b');
    expect(list.code).toBe(2);
    expect(list.stderr).toContain('Expected whole numbers from 0 on');
    expect(existsSync(file('none'))).toBe(false);
  });
});

describe('laurel viz health', () => {
  it('lists the maps that never wake', async () => {
    const result = await json('health', ...lenet, ...over, '--out', file('health'));
    expect(result.layers.length).toBeGreaterThan(0);
    for (const { units, dead, file: data } of result.layers) {
      const { shape, data: values } = readNpy(data);
      expect(shape).toEqual([2, units]);
      const never = [...values.subarray(0, units).keys()].filter((unit) => values[unit] === 0);
      expect(dead).toEqual(never);
    }
    expect(existsSync(result.figure)).toBe(true);
  });

  it('says so where a network has no ReLU', async () => {
    writeStartingWeights(file('tanh.safetensors'), net, { form: 'imagenet', classes: 4 });
    const args = ['viz', 'health', net, '--weights', file('tanh.safetensors'), ...over, '--out', file('h')];
    const { code, stderr } = await laurel(args);
    expect(code).toBe(2);
    expect(stderr).toContain('lenet has no ReLU');
  });
});

describe('laurel viz filters', () => {
  it('pairs two networks, and counts maps that never wake', async () => {
    writeStartingWeights(file('r.safetensors'), 'resnet18', { form: 'cifar' });
    const against = ['--against', `resnet18=${file('r.safetensors')}`, '--against-form', 'cifar'];
    const alone = await json(
      'filters',
      ...lenet,
      ...over.slice(0, 2),
      '--no-cache',
      '--out',
      file('filters'),
    );
    expect(alone.networks[0].deadMaps).toBeInstanceOf(Array);
    const result = await json('filters', ...lenet, ...against, '--out', file('pair'));
    expect(result.networks.map((each: { net: string }) => each.net)).toEqual(['lenet', 'resnet18']);
    for (const { files, filters, channels, kernel, rms, energy } of result.networks) {
      expect(readNpy(files.filters).shape).toEqual([filters, channels, ...kernel]);
      expect(rms).toHaveLength(filters);
      expect(energy.low + energy.middle + energy.high).toBeCloseTo(1, 6);
    }
    expect(JSON.parse(readFileSync(file('pair/filters.json'), 'utf8'))).toEqual(result);
  });
});

describe('figure 6, laurel viz filters with a data set', () => {
  it('puts chosen maps of both second layers beside each other', async () => {
    writeStartingWeights(file('other.safetensors'), net, { form: 'imagenet', classes: 4 });
    const result = await json(
      ...['filters', ...lenet, ...over, '--units', '5,2', '--out', file('figure6')],
      ...['--against', `${net}=${file('other.safetensors')}`, '--against-form', 'imagenet', '--maps', '3'],
    );
    const [first, second] = result.networks.map((each: { second: object }) => each.second);
    expect(first.layer).not.toBe(result.networks[0].layer);
    expect(first.maps.map(({ unit }: { unit: number }) => unit)).toEqual([5, 2]);
    expect(second.maps).toHaveLength(3);
    for (const { maps, projections, pictures } of [first, second]) {
      expect(pictures).toBe(15);
      const { shape, data } = readNpy(projections);
      expect(shape[0]).toBe(9 * maps.length);
      // Not a picture of nothing.
      expect(data.some((value) => value !== 0)).toBe(true);
    }
    // The strongest activation is the one that `top` finds.
    const top = await json(
      'top',
      ...lenet,
      ...over,
      '--layer',
      first.layer,
      '--units',
      '5',
      '--out',
      file('t6'),
    );
    expect(first.maps[0].top).toEqual(top.layers[0].maps[0].top);
    expect((await sharp(result.figure).metadata()).format).toBe('png');
  });

  it('says what an option lacks, and which unit is not there', async () => {
    const run = async (...more: string[]) => {
      const { code, stderr } = await laurel(['viz', 'filters', ...lenet, '--out', file('lacking'), ...more]);
      return [code, stderr.trim()];
    };
    expect(await run('--units', '3')).toEqual([2, expect.stringMatching(/^error: --units needs --data/)]);
    expect(await run('--against-units', '3')).toEqual([
      2,
      expect.stringMatching(/^error: --against-units needs --against/),
    ]);
    expect(await run(...over, '--units', '99')).toEqual([
      2,
      expect.stringMatching(/has no unit 99; its \d+ units are 0 to/),
    ]);
    expect(existsSync(file('lacking'))).toBe(false);
  });
});

describe('views of one picture', () => {
  it('draw activations, Grad-CAM and the three rules', async () => {
    const [path = ''] = (await paths()).filter((each) => /conv|^features/.test(each));
    const input = ['--input', file('x.npy')];
    const maps = await json('activations', ...lenet, ...input, '--layer', path, '--out', file('maps'));
    const { shape, data } = readNpy(maps.data);
    expect(shape).toEqual([maps.units, maps.height, maps.width]);
    expect(Math.max(...data)).toBe(maps.max);

    const cam = await json('gradcam', ...lenet, ...input, '--class', '2', '--out', file('cam'));
    expect(cam.pictures[0].index).toBe(2);
    const map = readNpy(cam.data);
    expect(map.shape).toEqual([1, cam.height, cam.width]);
    expect(Math.min(...map.data)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...map.data)).toBe(cam.pictures[0].max);

    const rules = await json(
      'rules',
      ...lenet,
      ...input,
      '--layer',
      path,
      '--unit',
      '1',
      '--out',
      file('rules'),
    );
    expect(readNpy(rules.data).shape).toEqual([1, 3, 1, 28, 28]);
    expect(rules.pictures[0].unit).toBe(1);
    for (const { figure } of [maps, cam, rules]) expect((await sharp(figure).metadata()).format).toBe('png');
  });

  it('refuse a class and a position that are not there', async () => {
    const [path = ''] = (await paths()).filter((each) => /conv|^features/.test(each));
    const input = ['--input', file('x.npy'), '--out', file('bad')];
    const cam = await laurel(['viz', 'gradcam', ...lenet, ...input, '--class', '4']);
    expect(cam.code).toBe(2);
    expect(cam.stderr).toContain('There is no class 4; the network has 4, 0 to 3.');
    const rules = await laurel(['viz', 'rules', ...lenet, ...input, '--layer', path, '--position', '99,0']);
    expect(rules.code).toBe(2);
    expect(rules.stderr).toContain('has no position 99,0');
  });
});
