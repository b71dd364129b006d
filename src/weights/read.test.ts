// Files are known by their first bytes, whatever they are called.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { inspectWeights } from './inspect.ts';
import { writeNpy } from './npy.ts';
import { readWeights, weightsFormat } from './read.ts';
import { writeSafetensors } from './safetensors.ts';
import type { Tensor } from './tensor-file.ts';
import { zipArchive } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-read-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
  return path;
}

function safetensors(names: readonly string[], metadata?: Record<string, string>): string {
  const path = join(folder, 'x.bin');
  const tensors = names.map((name, i): [string, Tensor] => [name, { shape: [1], data: Float32Array.of(i) }]);
  writeSafetensors(path, new Map(tensors), metadata);
  return path;
}

describe('weightsFormat and readWeights', () => {
  it('a safetensors header of 640 bytes begins like a pickle and is none', () => {
    const path = safetensors(['w'], { text: 'x'.repeat(552) });
    expect([...readFileSync(path).subarray(0, 2)]).toEqual([0x80, 0x02]);
    expect(weightsFormat(path)).toBe('safetensors');
    expect([...readWeights(path).tensors.keys()]).toEqual(['w']);
  });

  it('names a NumPy array after its file', () => {
    const path = join(folder, 'fc.weight.npy');
    writeNpy(path, [2, 1], Float32Array.of(1, 2));
    expect(weightsFormat(path)).toBe('npy');
    expect([...readWeights(path).tensors]).toEqual([
      ['fc.weight', { shape: [2, 1], data: Float32Array.of(1, 2) }],
    ]);
  });

  it.each<[string[], string[]]>([
    [
      ['module.a', 'module.b'],
      ['a', 'b'],
    ],
    [
      ['_orig_mod.module.a', '_orig_mod.module.b'],
      ['a', 'b'],
    ],
    [['module.module.a'], ['a']],
    [
      ['module.a', 'b'],
      ['module.a', 'b'],
    ],
    [['modules.a'], ['modules.a']],
  ])('%j is read as %j', (names, read) => {
    expect([...readWeights(safetensors(names)).tensors.keys()]).toEqual(read);
  });

  it.each<[string, () => string, string]>([
    ['a folder', () => folder, 'it is a folder'],
    ['missing', () => join(folder, 'absent'), 'no such file'],
    ['empty', () => file('e', ''), 'the file is empty'],
    [
      'a pickle of something else',
      () => file('p', '\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.'),
      'not a checkpoint',
    ],
    ['a web page', () => file('h', '<!doctype html><title>Not found</title>'), 'web page'],
    ['a Git LFS pointer', () => file('l', 'version https://git-lfs.github.com/spec/v1'), 'Git LFS pointer'],
    ['a tar archive', () => file('t', `${'x'.repeat(257)}ustar${'x'.repeat(300)}`), 'before 0.1.10'],
    ['another zip archive', () => file('z', zipArchive([['a.txt', Buffer.from('a')]])), 'no data.pkl'],
    ['an npz archive', () => file('n', zipArchive([['a.npy', Buffer.from('a')]])), 'NumPy archive (.npz)'],
  ])('says what is wrong with a file that is %s', (_, make, sentence) => {
    const path = make();
    expect(() => readWeights(path)).toThrow(UserError);
    expect(() => readWeights(path)).toThrow(sentence);
  });
});

describe('inspectWeights', () => {
  it('gives shape, stored type and range of each tensor', () => {
    const path = join(import.meta.dirname, '../../test/fixtures/checkpoints/types.zip.pth');
    const summary = inspectWeights(path);
    expect(summary).toMatchObject({ format: 'pytorch-zip', metadata: {}, elements: 33 });
    expect(summary.bytes).toBe(readFileSync(path).length);
    const byName = new Map(summary.tensors.map((each) => [each.name, each]));
    expect(byName.get('float')).toEqual({
      name: 'float',
      shape: [4],
      dtype: 'f32',
      elements: 4,
      min: -2,
      max: 100,
      mean: 24.875,
      nonFinite: 0,
    });
    expect(byName.get('half')).toMatchObject({ dtype: 'f16', max: 65504, nonFinite: 2 });
    expect(byName.get('empty')).toMatchObject({ shape: [0, 3], min: null, mean: null, elements: 0 });
  });
});
