import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type MatStructs, readMat } from './mat-file.ts';

// Both files were written by scipy.io.savemat: meta.mat compressed, values.mat not.
const fixture = (name: string): Buffer => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));

describe('readMat', () => {
  it.each(['meta.mat', 'values.mat'])('reads the synsets of %s as the devkit has them', (name) => {
    const synsets = readMat(fixture(name)).get('synsets') as MatStructs;
    expect(synsets.dims).toEqual([5, 1]);
    const told = synsets.elements.map(({ ILSVRC2012_ID, WNID, words }) => [ILSVRC2012_ID, WNID, words]);
    const number = (value: number) => ({ dims: [1, 1], values: [value] });
    expect(told).toEqual([
      [number(1), 'n02119789', 'kit fox, Vulpes macrotis'],
      [number(2), 'n02100735', 'English setter'],
      [number(3), 'n01440764', 'tench, Tinca tinca'],
      [number(4), 'n02009229', 'little blue heron, Egretta caerulea'],
      [number(1001), 'n02118333', 'fox'],
    ]);
    expect(synsets.elements[3]?.gloss).toBe('small bluish-grey heron — café');
    expect(synsets.elements[0]?.children).toEqual({ dims: [1, 0], values: [] });
  });

  it('reads numbers in columns, texts and cells', () => {
    const variables = readMat(fixture('values.mat'));
    expect(variables.get('wide')).toEqual({ dims: [2, 3], values: [0, 3, 1, 4, 2, 5] });
    expect(variables.get('text')).toBe('abc');
    expect(variables.get('cells')).toEqual(['x', { dims: [1, 1], values: [1.5] }]);
  });

  it('refuses what is no such file, or is cut', () => {
    expect(() => readMat(Buffer.from('not one'))).toThrow(/no MAT file of version 5/);
    expect(() => readMat(fixture('values.mat').subarray(0, 700))).toThrow(/truncated/);
    const cut = Buffer.concat([fixture('meta.mat').subarray(0, 128), element(15, deflateSync(element(14)))]);
    expect(() => readMat(cut.subarray(0, cut.length - 4))).toThrow();
  });
});

function element(type: number, data: Uint8Array = new Uint8Array(64)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data]);
}
