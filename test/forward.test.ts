import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../src/weights/npy.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { wave, writeStartingWeights } from './network-files.ts';

/** A folder with LeNet's weights `w.safetensors` and two pictures `x.npy`. */
function prepare(): { folder: string; args: string[]; output: string } {
  const folder = temporaryFolder();
  const file = (name: string): string => join(folder, name);
  writeStartingWeights(file('w.safetensors'), 'lenet');
  writeNpy(file('x.npy'), [2, 1, 32, 32], wave(2 * 32 * 32));
  const output = file('y.npy');
  const args = [
    'forward',
    'lenet',
    '--weights',
    file('w.safetensors'),
    '--input',
    file('x.npy'),
    '--output',
    output,
  ];
  return { folder, args, output };
}

describe('laurel forward', () => {
  it('writes the logits, the same on both engines', async () => {
    const { args, output } = prepare();
    const results: Float32Array[] = [];
    for (const engine of ['reference', 'auto']) {
      const { code, stdout } = await laurel([...args, '--engine', engine, '--dtype', 'f32', '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        net: 'lenet',
        source: 'logits',
        shape: [2, 10],
        dtype: 'f32',
      });
      const { shape, data } = readNpy(output);
      expect(shape).toEqual([2, 10]);
      expect(new Set(data).size).toBeGreaterThan(10);
      results.push(data);
    }
    const [reference, other] = results as [Float32Array, Float32Array];
    for (const [i, value] of reference.entries()) expect(other[i]).toBeCloseTo(value, 5);
  });

  it('writes what a layer gives', async () => {
    const { args, output } = prepare();
    const { code, stdout } = await laurel([...args, '--layer', 'pool2', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ source: 'pool2', shape: [2, 16, 5, 5] });
    expect(readNpy(output).shape).toEqual([2, 16, 5, 5]);
  });

  it('names the nearest layers', async () => {
    const { code, stderr, stdout } = await laurel([...prepare().args, '--layer', 'pol2']);
    expect(stderr).toMatch(/^error: lenet \(form imagenet\) has no layer 'pol2'\. Did you mean pool2/);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it.each<[string, (folder: string) => void, RegExp]>([
    [
      'missing weights',
      (folder) => rmSync(join(folder, 'w.safetensors')),
      /Cannot read .*w\.safetensors: no such file/,
    ],
    [
      'truncated weights',
      (folder) => truncateSync(join(folder, 'w.safetensors'), 100_000),
      /truncated|bytes/,
    ],
    [
      'weights of another number of classes',
      (folder) => writeStartingWeights(join(folder, 'w.safetensors'), 'lenet', { classes: 7 }),
      /fc3\.weight is 7x84, expected 10x84/,
    ],
    [
      'a weight with another name',
      (folder) =>
        writeStartingWeights(join(folder, 'w.safetensors'), 'lenet', {}, (tensors) => {
          const bias = tensors.get('conv1.bias');
          tensors.delete('conv1.bias');
          if (bias !== undefined) tensors.set('conv1.bais', bias);
        }),
      /conv1\.bias.*conv1\.bais/,
    ],
    [
      'a tensor that is no batch of pictures',
      (folder) => writeNpy(join(folder, 'x.npy'), [32, 32], wave(1024)),
      /x\.npy has shape 32x32, expected NxCxHxW/,
    ],
    [
      'a file that is no array',
      (folder) => writeFileSync(join(folder, 'x.npy'), 'hello'),
      /x\.npy as a NumPy array/,
    ],
  ])('refuses %s', async (_, damage, sentence) => {
    const { folder, args } = prepare();
    damage(folder);
    const { code, stdout, stderr } = await laurel([...args, '--json']);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at |defect/);
    expect(stdout).toBe('');
    expect(code).toBeGreaterThan(0);
  });
});
