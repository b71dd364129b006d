// The format against bytes written out here and, where it is installed, against NumPy itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { growNpy, readNpy, readNpyTyped, writeNpy } from './npy.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-npy-'));
const path = join(folder, 'x.npy');
afterAll(() => rmSync(folder, { recursive: true }));

function file(version: number, header: string, data: Uint8Array): string {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  const magic = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1');
  writeFileSync(path, Buffer.concat([magic, length, Buffer.from(header, 'latin1'), data]));
  return path;
}

function raw(text: string): string {
  writeFileSync(path, text, 'latin1');
  return path;
}

function header(descr: string, shape: string, order = 'False'): string {
  return `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
}

const f32 = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

describe('readNpy', () => {
  it.each([1, 2, 3])('reads version %i', (version) => {
    expect(readNpy(file(version, header("'<f4'", '(2, 3)'), f32))).toEqual({
      shape: [2, 3],
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
    });
  });

  it.each<[string, Uint8Array, number[]]>([
    ['<f8', new Uint8Array(Float64Array.of(0.5, -1).buffer), [0.5, -1]],
    ['<i4', new Uint8Array(Int32Array.of(3, -4).buffer), [3, -4]],
    ['<i8', new Uint8Array(BigInt64Array.of(5n, -6n).buffer), [5, -6]],
    ['|u1', Uint8Array.of(0, 255), [0, 255]],
  ])('reads %s as f32', (descr, data, expected) => {
    expect([...readNpy(file(1, header(`'${descr}'`, '(2,)'), data)).data]).toEqual(expected);
  });

  it.each<[string, () => string, string]>([
    ['missing', () => join(folder, 'absent'), 'no such file or folder'],
    ['a folder', () => folder, 'it is a folder'],
    ['empty', () => raw(''), 'the file is empty'],
    ['something else', () => raw('hello'), 'it does not begin as one'],
    ['of an unknown version', () => file(9, header("'<f4'", '(6,)'), f32), 'version 9, expected 1, 2 or 3'],
    ['cut in the header', () => raw('\x93NUMPY\x01\0v\0{'), 'its header is truncated'],
    [
      'cut in the data',
      () => file(1, header("'<f4'", '(7,)'), f32),
      'truncated: its shape 7 needs 28 bytes of data, 24',
    ],
    ['two arrays', () => file(1, header("'<f4'", '(5,)'), f32), 'more than one array'],
    ['in Fortran order', () => file(1, header("'<f4'", '(2, 3)', 'True'), f32), 'numpy.ascontiguousarray'],
    ['big endian', () => file(1, header("'>f4'", '(6,)'), f32), 'the type ">f4", expected one of <f4'],
    ['structured', () => file(1, header("[('a', '<f4')]", '(6,)'), f32), 'a structured type'],
    ['without a shape', () => file(1, "{'descr': '<f4', 'fortran_order': False}", f32), 'lacks descr'],
  ])('says what is wrong with a file that is %s', (_, make, sentence) => {
    const broken = make();
    expect(() => readNpy(broken)).toThrow(UserError);
    expect(() => readNpy(broken)).toThrow(sentence);
  });
});

describe('writeNpy', () => {
  it.each([[[]], [[1]], [[2, 3]], [[2, 3, 1, 4]], [[0, 3]]])('gives shape %j back', (shape) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 7);
    writeNpy(path, shape, data);
    expect(readNpy(path)).toEqual({ shape, data });
    expect((readFileSync(path).readUInt16LE(8) + 10) % 64).toBe(0);
  });

  it('refuses a shape that does not fit', () => {
    expect(() => writeNpy(path, [2, 2], new Float32Array(3))).toThrow('2x2 does not fit 3 elements');
  });
});

describe('an array that grows', () => {
  const parts = [Float32Array.of(1, 2), Float32Array.of(3, 4, 5, 0.5)];

  it('is the same file as one written whole, and absent until it is finished', () => {
    const grown = join(folder, 'grown.npy');
    const writer = growNpy(grown, '<f4', [2, 3]);
    for (const part of parts) writer.append(part);
    expect(existsSync(grown)).toBe(false);
    writer.finish();
    writeNpy(path, [2, 3], Float32Array.of(1, 2, 3, 4, 5, 0.5));
    expect(readFileSync(grown).equals(readFileSync(path))).toBe(true);
    writer.abandon();
    expect(existsSync(grown)).toBe(true);
  });

  it('holds int32, and nothing else under that name', () => {
    const writer = growNpy(path, '<i4', [3]);
    writer.append(Int32Array.of(-1, 0, 2 ** 30));
    expect(() => writer.append(Float32Array.of(1))).toThrow('is <i4, but got Float32Array');
    writer.finish();
    expect(readNpyTyped(path)).toEqual({ type: 'i32', shape: [3], data: Float32Array.of(-1, 0, 2 ** 30) });
  });

  it('leaves nothing when it is abandoned or has too few elements', () => {
    const place = join(folder, 'none.npy');
    for (const end of ['abandon', 'finish'] as const) {
      const writer = growNpy(place, '<f4', [7]);
      for (const part of parts) writer.append(part);
      if (end === 'finish') expect(() => writer.finish()).toThrow('has 6 elements, its shape 7 needs 7');
      else writer.abandon();
      expect(readdirSync(folder).filter((name) => name.startsWith('none'))).toEqual([]);
    }
  });

  it('says which place cannot be written', () => {
    expect(() => growNpy(join(path, 'inside.npy'), '<f4', [1])).toThrow(UserError);
  });
});

const numpy = (code: string) =>
  spawnSync('/usr/bin/python3', ['-c', `import numpy\n${code}`], { encoding: 'utf8' });
describe.skipIf(numpy('').status !== 0)('NumPy itself (skipped where it is absent)', () => {
  it('reads what is written here', () => {
    writeNpy(path, [2, 3], Float32Array.of(1, 2, 3, 4, 5, 0.5));
    const { stdout, stderr } = numpy(
      `a = numpy.load(${JSON.stringify(path)}); print(a.dtype, a.shape, a.tolist())`,
    );
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe('float32 (2, 3) [[1.0, 2.0, 3.0], [4.0, 5.0, 0.5]]');
  });

  it.each(['f4', 'f8', 'f2', 'u1', 'i4', 'i8'])('has its %s read here', (type) => {
    expect(
      numpy(`numpy.save(${JSON.stringify(path)}, numpy.arange(6).reshape(1, 2, 3).astype('${type}'))`).stderr,
    ).toBe('');
    expect(readNpy(path)).toEqual({ shape: [1, 2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
  });

  it('has its Fortran order refused', () => {
    numpy(`numpy.save(${JSON.stringify(path)}, numpy.asfortranarray(numpy.ones((2, 3), 'f4')))`);
    expect(() => readNpy(path)).toThrow('Fortran order');
  });
});
