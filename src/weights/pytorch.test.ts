// Checkpoints that PyTorch itself wrote (tools/torch/checkpoint_fixtures.py), against the values it had.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { writePytorch } from './pytorch-write.ts';
import { readWeights, weightsFormat } from './read.ts';
import type { Tensor } from './tensor-file.ts';

const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints');
const folder = mkdtempSync(join(tmpdir(), 'laurel-pytorch-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Described {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string)[];
}
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  files: { file: string; format: 'zip' | 'legacy'; tensors: Record<string, Described> }[];
  refused: { file: string; named: string }[];
};

const storedNames: Record<string, string> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i64',
  int32: 'i32',
  int16: 'i16',
  int8: 'i8',
  uint8: 'u8',
  bool: 'bool',
};

function numbers(values: readonly (number | string)[]): number[] {
  return values.map((value) => Number(String(value).replace('inf', 'Infinity')));
}

describe("PyTorch's checkpoints", () => {
  it.each(expected.files)('$file holds what PyTorch says', ({ file, format, tensors }) => {
    const path = join(fixtures, file);
    expect(weightsFormat(path)).toBe(`pytorch-${format}`);
    const read = readWeights(path);
    expect([...read.tensors.keys()]).toEqual(Object.keys(tensors));
    for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
      const got = read.tensors.get(name) as Tensor;
      expect(got.shape, name).toEqual(shape);
      expect([...got.data], name).toEqual(numbers(values));
      expect(read.storedTypes?.get(name), name).toBe(storedNames[dtype]);
    }
  });

  it.each(expected.refused)('$file is refused because of $named', ({ file, named }) => {
    expect(() => readWeights(join(fixtures, file))).toThrow(UserError);
    expect(() => readWeights(join(fixtures, file))).toThrow(named);
  });

  it.each(['views.zip.pth', 'views.legacy.pth'])('tied weights of %s share one array', (file) => {
    const { tensors } = readWeights(join(fixtures, file));
    expect(tensors.get('tied_again')?.data).toBe(tensors.get('tied')?.data);
    expect(tensors.get('tied_part')?.data).not.toBe(tensors.get('tied')?.data);
  });

  it('tells what stands beside the weights, and takes the plain weights before the averaged ones', () => {
    const { metadata, tensors } = readWeights(join(fixtures, 'nested.zip.pth'));
    expect(metadata).toEqual({ epoch: '90', arch: 'small', container: 'state_dict' });
    expect(tensors.get('fc.weight')?.data.some((value) => value !== 0)).toBe(true);
  });

  it.each(['zip', 'legacy'])('a %s file cut anywhere is refused with a sentence', (format) => {
    const whole = readFileSync(join(fixtures, `state-dict.${format}.pth`));
    const path = join(folder, 'cut.pth');
    for (let length = 1; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      expect(() => readWeights(path), `${length} bytes`).toThrow(UserError);
    }
  });
});

describe('writePytorch', () => {
  const shared = Float32Array.of(1, 2, 3, 4, 5, 6);
  const tensors = new Map<string, Tensor>([
    ['layer1.0.weight', { shape: [2, 3], data: shared }],
    ['tied', { shape: [3, 2], data: shared }],
    ['scalar', { shape: [], data: Float32Array.of(-0.5) }],
    ['empty', { shape: [0, 4], data: new Float32Array(0) }],
    ['ä', { shape: [2], data: Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY) }],
  ]);

  it('writes what readWeights reads', () => {
    const path = join(folder, 'written.pth');
    writePytorch(path, tensors);
    const back = readWeights(path);
    expect([...back.tensors]).toEqual([...tensors]);
    expect(back.tensors.size).toBe(5);
  });

  it('refuses a shape that does not fit', () => {
    const wrong = new Map([['x', { shape: [2], data: new Float32Array(3) }]]);
    expect(() => writePytorch(join(folder, 'x.pth'), wrong)).toThrow('"x" is 2 but has 3 elements');
  });

  const torch = (code: string) =>
    spawnSync('/usr/bin/python3', ['-c', `import torch\n${code}`], { encoding: 'utf8' });
  it.skipIf(torch('').status !== 0)('torch.load reads it, as weights only (skipped without PyTorch)', () => {
    const path = join(folder, 'for-torch.pth');
    writePytorch(path, tensors);
    const { stdout, stderr } = torch(
      `d = torch.load(${JSON.stringify(path)}, weights_only=True)
print([(k, list(v.shape), str(v.dtype), v.flatten().tolist()) for k, v in d.items()])
print(d['tied'].data_ptr() == d['layer1.0.weight'].data_ptr(), type(d).__name__)`,
    );
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      "[('layer1.0.weight', [2, 3], 'torch.float32', [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), " +
        "('tied', [3, 2], 'torch.float32', [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), " +
        "('scalar', [], 'torch.float32', [-0.5]), ('empty', [0, 4], 'torch.float32', []), " +
        "('ä', [2], 'torch.float32', [nan, inf])]",
      'True OrderedDict',
    ]);
  });
});
