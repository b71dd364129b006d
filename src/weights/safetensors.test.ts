// The format against a published file, against itself, and against every way of being broken.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { halfToNumber } from './storage.ts';
import { elementCount, type Tensor } from './tensor-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-safetensors-'));
const path = join(folder, 'weights.safetensors');
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header (as JSON, or as given) and these data. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, data]));
  return path;
}

function entry(dtype: string, shape: unknown, begin: number, end: number): object {
  return { dtype, shape, data_offsets: [begin, end] };
}

function bytesOf(values: Float32Array | Float64Array | Uint16Array | Int32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

describe('writeSafetensors and readSafetensors', () => {
  it('give back names, shapes, order, metadata and every bit', () => {
    const bits = fc.uint32Array({ maxLength: 20 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string(), bits), { selector: ([name]) => name, maxLength: 6 }),
        (all) => {
          const tensors = new Map<string, Tensor>();
          for (const [name, values] of all) {
            if (name === '__metadata__' || /^\d+$/.test(name)) continue;
            tensors.set(name, {
              shape: [1, values.length],
              data: new Float32Array(Uint32Array.from(values).buffer),
            });
          }
          writeSafetensors(path, tensors, { epoch: '3', text: 'ä\n' });
          const back = readSafetensors(path);
          expect([...back.tensors.keys()]).toEqual([...tensors.keys()]);
          for (const [name, { shape, data }] of tensors) {
            const got = back.tensors.get(name) as Tensor;
            expect(got.shape).toEqual(shape);
            expect(new Uint32Array(got.data.buffer)).toEqual(new Uint32Array(data.buffer));
          }
          expect(back.metadata).toEqual({ epoch: '3', text: 'ä\n' });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('start the data at a multiple of 8 bytes, with a view into a larger buffer', () => {
    const large = Float32Array.from([9, 1, 2, 9]);
    for (const name of ['a', 'ab', 'abc', 'abcd', 'abcde']) {
      writeSafetensors(path, new Map([[name, { shape: [2], data: large.subarray(1, 3) }]]));
      const bytes = readFileSync(path);
      expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
      expect([...(readSafetensors(path).tensors.get(name) as Tensor).data]).toEqual([1, 2]);
    }
  });

  it('keep scalars, empty tensors and a file without tensors', () => {
    writeSafetensors(
      path,
      new Map([
        ['s', { shape: [], data: Float32Array.of(7) }],
        ['e', { shape: [0, 3], data: new Float32Array(0) }],
      ]),
    );
    expect(readSafetensors(path).tensors.get('s')).toEqual({ shape: [], data: Float32Array.of(7) });
    expect(readSafetensors(path).tensors.get('e')).toEqual({ shape: [0, 3], data: new Float32Array(0) });
    writeSafetensors(path, new Map());
    expect(readSafetensors(path).tensors.size).toBe(0);
  });

  it('refuse to write a shape that does not fit its data', () => {
    const tensors = new Map([['a', { shape: [2, 2], data: new Float32Array(3) }]]);
    expect(() => writeSafetensors(path, tensors)).toThrow('tensor "a" is 2x2 but has 3 elements');
  });
});

describe('the stored types', () => {
  it.each<[string, Uint8Array, number[]]>([
    ['F64', bytesOf(Float64Array.of(1.5, -2)), [1.5, -2]],
    ['F16', bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff)), [1, -2, 2 ** -24, 65504]],
    ['BF16', bytesOf(Uint16Array.of(0x3f80, 0xc040)), [1, -3]],
    ['I32', bytesOf(Int32Array.of(5, -6)), [5, -6]],
    ['I64', bytesOf(BigInt64Array.of(7n, -8n)), [7, -8]],
    ['U8', Uint8Array.of(0, 255), [0, 255]],
  ])('%s is read as f32', (dtype, data, expected) => {
    const { tensors } = readSafetensors(file({ a: entry(dtype, [expected.length], 0, data.length) }, data));
    expect([...(tensors.get('a') as Tensor).data]).toEqual(expected);
  });

  it('longer than the conversion buffer is read whole', () => {
    const values = Float64Array.from({ length: 300_000 }, (_, i) => i);
    const { tensors } = readSafetensors(file({ a: entry('F64', [300_000], 0, 2_400_000) }, bytesOf(values)));
    expect((tensors.get('a') as Tensor).data.every((value, i) => value === i)).toBe(true);
  });

  it('half infinities and NaN survive', () => {
    expect(halfToNumber(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(halfToNumber(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(halfToNumber(0x7e00)).toBeNaN();
  });
});

describe('a broken file is one sentence', () => {
  const eight = new Uint8Array(8);
  const two = entry('F32', [2], 0, 8);
  const cases: [string, () => string, string][] = [
    ['missing', () => join(folder, 'absent'), 'no such file or folder'],
    ['a folder', () => folder, 'it is a folder'],
    ['empty', () => raw(''), 'the file is empty'],
    ['seven bytes', () => raw('1234567'), 'it has 7 bytes, too few for a header'],
    [
      'a PyTorch checkpoint',
      () => raw('PK\x03\x04 and more'),
      'looks like a zip archive or a PyTorch checkpoint',
    ],
    ['a web page', () => raw('<!DOCTYPE html>'), 'looks like a web page'],
    ['a Git LFS pointer', () => raw('version https://git-lfs'), 'looks like a Git LFS pointer'],
    ['a header beyond the limit', () => raw('\xff\xff\xff\xff\xff\xff\xff\xff'), 'the limit is 100000000'],
    [
      'a truncated header',
      () => raw(`${String.fromCharCode(99)}\0\0\0\0\0\0\0{}`),
      '99 bytes are announced, 2 are there',
    ],
    ['no JSON', () => file('{"a": '), 'its header is not JSON'],
    ['a JSON list', () => file([]), 'not an object of tensors'],
    [
      'metadata that are no strings',
      () => file({ __metadata__: { a: 1 } }),
      '"__metadata__" is not an object of strings',
    ],
    [
      'an unknown dtype',
      () => file({ a: entry('C64', [1], 0, 8) }, eight),
      'the dtype "C64", expected one of F32, F64',
    ],
    [
      'a dtype named like a method',
      () => file({ a: entry('toString', [1], 0, 8) }, eight),
      'the dtype "toString"',
    ],
    ['an entry that is no object', () => file({ a: 5 }), 'tensor "a" has the dtype undefined'],
    [
      'a negative size',
      () => file({ a: entry('F32', [-2], 0, 8) }, eight),
      'has the shape [-2], expected a list of sizes',
    ],
    ['a fraction as size', () => file({ a: entry('F32', [0.5], 0, 2) }, eight), 'has the shape [0.5]'],
    [
      'offsets that are no pair',
      () => file({ a: { dtype: 'F32', shape: [2], data_offsets: [8] } }, eight),
      'has the offsets [8]',
    ],
    [
      'offsets that do not fit the shape',
      () => file({ a: entry('F32', [3], 0, 8) }, eight),
      '(3, F32) needs 12 bytes, its offsets [0, 8] hold 8',
    ],
    ['a shape beyond all memory', () => file({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 8) }, eight), 'hold 8'],
    [
      'overlapping tensors',
      () => file({ a: two, b: entry('F32', [2], 4, 12) }, eight),
      '"a" and "b" overlap at byte 4',
    ],
    [
      'a hole',
      () => file({ a: entry('F32', [1], 4, 8) }, eight),
      '4 bytes before the tensor "a" belong to no tensor',
    ],
    [
      'truncated data',
      () => file({ a: two }, eight.subarray(0, 5)),
      'truncated: its tensors need 8 bytes of data, 5 are there',
    ],
    ['bytes left over', () => file({ a: two }, new Uint8Array(11)), '3 bytes at its end belong to no tensor'],
  ];
  function raw(text: string): string {
    writeFileSync(path, Buffer.from(text, 'latin1'));
    return path;
  }
  it.each(cases)('%s', (_, make, sentence) => {
    const broken = make();
    expect(() => readSafetensors(broken)).toThrow(UserError);
    expect(() => readSafetensors(broken)).toThrow(sentence);
    expect(() => readSafetensors(broken)).toThrow(broken);
  });

  it('whatever single byte of its header is damaged', () => {
    writeSafetensors(path, new Map([['weight', { shape: [2, 1], data: Float32Array.of(1, 2) }]]));
    const good = readFileSync(path);
    fc.assert(
      fc.property(fc.nat(good.length - 9), fc.nat(255), (place, value) => {
        const bad = Buffer.from(good);
        bad[place] = value;
        writeFileSync(path, bad);
        try {
          for (const { shape, data } of readSafetensors(path).tensors.values()) {
            expect(data.length).toBe(elementCount(shape));
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const published = new URL('../../../shared/data/googlenet-bvlc.safetensors', import.meta.url);
describe.skipIf(!existsSync(published))('the published GoogLeNet (skipped where its file is absent)', () => {
  it('has its 6,998,552 parameters and round-trips to the byte', () => {
    const { tensors, metadata } = readSafetensors(published.pathname);
    let parameters = 0;
    for (const { data } of tensors.values()) parameters += data.length;
    expect(parameters).toBe(6_998_552);
    expect(tensors.get('conv1/7x7_s2.weight')?.shape).toEqual([64, 3, 7, 7]);
    expect(metadata.layout).toBe('OIHW, RGB input');
    writeSafetensors(path, tensors, metadata);
    const [before, after] = [published, path].map((at) => readFileSync(at));
    const dataBytes = parameters * 4;
    expect(after?.subarray(-dataBytes).equals(before?.subarray(-dataBytes) as Buffer)).toBe(true);
  });
});
