// A watched training, `laurel viz evolution` and `laurel probe`, from the command line to their files.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { writeStartingWeights } from './network-files.ts';

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const shapes = ['--data', file('shapes')];
const training = ['train', 'lenet', '--form', 'article', ...shapes, '--epochs', '2', '--batch', '8'];

beforeAll(() => {
  writeSyntheticIdx(file('shapes'), { train: 24, test: 8, classes: 4 });
  writeStartingWeights(file('w.safetensors'), 'lenet', { form: 'article', classes: 4 });
});

describe('laurel train --watch', () => {
  it('leaves snapshots and figures that viz evolution can make again', async () => {
    const run = file('run');
    const trained = await laurel([
      ...training,
      '--watch',
      'conv1,conv2',
      '--watch-epochs',
      '1',
      '--out',
      run,
    ]);
    expect(trained.code, trained.stderr).toBe(0);
    expect(trained.stderr).toContain('evolution-conv2.png');
    for (const name of ['epoch-1.safetensors', 'epoch-2.safetensors', 'evolution-conv1.webp']) {
      expect(existsSync(join(run, 'evolution', name))).toBe(true);
    }
    const again = await laurel([
      ...['viz', 'evolution', 'lenet', '--runs', run, '--no-cache', '--animation', 'gif', '--json'],
      ...['--units', '3,1', '--layer', 'conv2', '--out', file('again')],
    ]);
    expect(again.code, again.stderr).toBe(0);
    const { stages, layers, split, pictures } = JSON.parse(again.stdout);
    expect(stages.map(({ name }: { name: string }) => name)).toEqual(['epoch 1', 'epoch 2']);
    expect({ split, pictures }).toEqual({ split: 'train', pictures: 24 });
    expect(layers[0].maps.map(({ unit }: { unit: number }) => unit)).toEqual([3, 1]);
    expect(existsSync(file('again/evolution-conv2.gif'))).toBe(true);
  });

  it('wants layers for its epochs, and layers that are there', async () => {
    const epochs = await laurel([...training, '--watch-epochs', '1', '--out', file('none')]);
    expect(epochs).toMatchObject({ code: 2 });
    expect(epochs.stderr).toBe('error: --watch-epochs needs --watch, the layers to follow.\n');
    const layer = await laurel([...training, '--watch', 'conv7', '--out', file('none')]);
    expect(layer.code).toBe(2);
    expect(layer.stderr).toMatch(/no layer 'conv7'\. Did you mean conv1[^\n]*\n$/);
  });
});

describe('laurel viz evolution', () => {
  it('says what is missing', async () => {
    const evolution = ['viz', 'evolution', 'lenet', '--form', 'article', ...shapes, '--out', file('x')];
    for (const [more, sentence] of [
      [[], 'No weights to compare. Name weights files with --weights, or watched runs with --runs.'],
      [['--weights', file('w.safetensors')], 'No layer to look at. Name one or more with --layer.'],
      [['--weights', folder, '--layer', 'conv1'], `${folder} holds no snapshots`],
      [['--weights', file('w.safetensors'), '--layer', 'conv1', '--units', '6'], 'its 6 units are 0 to 5.'],
      [['--weights', file('gone.safetensors'), '--layer', 'conv1'], 'gone.safetensors'],
    ] as const) {
      const { code, stderr } = await laurel([...evolution, ...more]);
      expect(code, stderr).toBeGreaterThan(0);
      expect(stderr).toContain(sentence);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  it('takes any weights files as moments', async () => {
    const weights = ['--weights', file('w.safetensors'), file('w.safetensors')];
    const { code, stdout, stderr } = await laurel([
      ...['viz', 'evolution', 'lenet', '--form', 'article', ...weights, ...shapes, '--layer', 'conv1'],
      ...['--maps', '2', '--no-cache', '--out', file('files')],
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('one picture throughout');
  });
});

describe('laurel probe', () => {
  it('prints a table of the layers, and leaves figure and data', async () => {
    const probe = ['probe', 'lenet', '--form', 'article', '--weights', file('w.safetensors'), ...shapes];
    const { code, stdout, stderr } = await laurel([...probe, '--epochs', '3', '--out', file('probe')]);
    expect(code, stderr).toBe(0);
    const layers = JSON.parse(readFileSync(file('probe/probe.json'), 'utf8')).layers;
    for (const { layer, test } of layers) {
      expect(stdout).toMatch(new RegExp(`^${layer} .* ${test.top1Error.toFixed(2)} `, 'm'));
    }
    expect(existsSync(file('probe/probe.png'))).toBe(true);
    expect(existsSync(file('probe/probe.npy'))).toBe(true);
  });

  it('says what is wrong', async () => {
    const probe = ['probe', 'lenet', '--form', 'article', '--weights', file('w.safetensors')];
    const out = ['--out', file('bad')];
    for (const [more, sentence] of [
      [[], 'No data to probe on. Name a data set or a folder with --data.'],
      [[...shapes, '--layers', 'conv9'], "no layer 'conv9'. Did you mean"],
      [[...shapes, '--memory', '0'], 'Lower --features'],
    ] as const) {
      const { code, stderr } = await laurel([...probe, ...more, ...out]);
      expect(code).toBe(2);
      expect(stderr).toContain(sentence);
    }
  });
});

describe('the variants of ZFNet’s table 3', () => {
  // One command each; the whole training is the same one with its epochs.
  it.each([
    ['--remove', '3467'],
    ['--remove', '67'],
  ])(
    'train by one command: %s %s',
    async (...variant) => {
      writeSyntheticIdx(file('small'), { train: 12, test: 4, classes: 4, size: 32 });
      const { code, stderr } = await laurel([
        ...['train', 'zfnet', '--form', 'cifar', ...variant, '--data', file('small')],
        ...['--batch', '4', '--smoke', '--out', file(`variant-${variant[1]}`)],
      ]);
      expect(code, stderr).toBe(0);
    },
    60_000,
  );
});
