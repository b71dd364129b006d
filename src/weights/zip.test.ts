// Archives put together by hand: the forms that are read, and the lies that are not believed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { type EntryChoices, zipArchive } from './testing.ts';
import { memoryBudget, readFileAs } from './weights-file.ts';
import { readZip } from './zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-zip-'));
const path = join(folder, 'x.zip');
afterAll(() => rmSync(folder, { recursive: true }));

/** Every entry's bytes, by name. */
function contents(archive: Uint8Array): Record<string, string> {
  writeFileSync(path, archive);
  return readFileAs(path, 'a test', (file, size) => {
    const zip = readZip(file, size, memoryBudget(size));
    const read = [...zip.entries.values()].map((entry) => {
      const bytes = Buffer.alloc(entry.size);
      zip.open(entry)(bytes, 0);
      return [entry.name, bytes.toString('latin1')];
    });
    return Object.fromEntries(read);
  });
}

const text = 'to be or not to be, '.repeat(20);
const bytes = Buffer.from(text);

function one(choices: EntryChoices): Buffer {
  return zipArchive([['a', bytes, choices]]);
}

describe('readZip', () => {
  it.each<[string, Buffer]>([
    [
      'stored and deflated entries',
      zipArchive([
        ['a', bytes],
        ['b/c', bytes, { deflated: true }],
      ]),
    ],
    [
      '64-bit fields',
      zipArchive([
        ['a', bytes, { wide: true }],
        ['b/c', bytes, { wide: true, deflated: true }],
      ]),
    ],
    [
      'a 64-bit end record',
      zipArchive(
        [
          ['a', bytes],
          ['b/c', bytes],
        ],
        { wide: true },
      ),
    ],
    [
      'a comment that looks like an end',
      zipArchive(
        [
          ['a', bytes],
          ['b/c', bytes],
        ],
        { comment: 'PK\x05\x06'.repeat(9) },
      ),
    ],
  ])('reads %s', (_, archive) => {
    expect(contents(archive)).toEqual({ a: text, 'b/c': text });
  });

  it('reads empty entries and an empty archive', () => {
    expect(
      contents(
        zipArchive([
          ['a', Buffer.alloc(0)],
          ['b', Buffer.alloc(0), { deflated: true }],
        ]),
      ),
    ).toEqual({ a: '', b: '' });
    expect(contents(zipArchive([]))).toEqual({});
  });

  it.each<[string, string, () => Buffer]>([
    [
      'without an end',
      'the directory at the end of a zip archive is missing',
      () => one({}).subarray(0, -30),
    ],
    ['with more entries announced', 'its directory lists 1 entries, 2', () => withCount(2)],
    [
      'with an entry twice',
      'two entries named "a"',
      () =>
        zipArchive([
          ['a', bytes],
          ['a', bytes],
        ]),
    ],
    ['encrypted', 'is encrypted', () => one({ flags: 1 })],
    ['packed another way', 'packed by method 12', () => one({ method: 12 })],
    ['with a wrong checksum', 'its checksum is wrong', () => one({ crc: 5 })],
    ['with a wrong checksum, deflated', 'its checksum is wrong', () => one({ crc: 5, deflated: true })],
    ['with a damaged stream', 'unpacking its entry "a" failed', () => damagedStream()],
    ['stored in two sizes', 'stored in two sizes', () => one({ size: 5 })],
    ['with an entry beyond the end', 'goes beyond the end', () => one({ size: 99_999, packedSize: 99_999 })],
    [
      'with an entry of 2^62 bytes',
      'goes beyond the end',
      () => one({ wide: true, size: 2 ** 62, packedSize: 2 ** 62 }),
    ],
    ['with a header that is none', 'has no header', () => one({ at: 3 })],
    [
      'that unpacks to more',
      'unpacks to more than the 100 bytes announced',
      () => one({ deflated: true, size: 100 }),
    ],
    [
      'that unpacks to less',
      'unpacks to 400 bytes, 5000 are announced',
      () => one({ deflated: true, size: 5000 }),
    ],
    ['with overlapping entries', 'its entries overlap', () => overlapping()],
  ])('refuses an archive %s', (_, sentence, make) => {
    const archive = make();
    expect(() => contents(archive)).toThrow(UserError);
    expect(() => contents(archive)).toThrow(sentence);
  });

  it('does not unpack a bomb: 40 MB of zeros in 40 kB', () => {
    const archive = zipArchive([['a', Buffer.alloc(40_000_000), { deflated: true }]]);
    expect(archive.length).toBeLessThan(50_000);
    expect(() => contents(archive)).toThrow('made to fill the memory');
    const lying = zipArchive([['a', Buffer.alloc(40_000_000), { deflated: true, size: 1000 }]]);
    expect(() => contents(lying)).toThrow(UserError);
  });

  it('adds up what many small bombs unpack to', () => {
    const names = Array.from({ length: 20 }, (_, i) => `${i}`);
    const archive = zipArchive(
      names.map((name) => [name, Buffer.alloc(1_000_000), { deflated: true }] as const),
    );
    expect(() => contents(archive)).toThrow('made to fill the memory');
  });
});

function withCount(count: number): Buffer {
  const archive = one({});
  archive.writeUInt16LE(count, archive.length - 12);
  return archive;
}

/** Ten entries that all say they are the first one's bytes. */
function overlapping(): Buffer {
  const names = Array.from({ length: 10 }, (_, i) => `${i}`);
  return zipArchive(
    names.map((name, i) => {
      const choices = { at: 0, size: bytes.length, packedSize: bytes.length };
      return [name, i === 0 ? bytes : Buffer.alloc(0), choices] as const;
    }),
  );
}

function damagedStream(): Buffer {
  const archive = one({ deflated: true });
  archive.fill(0xff, 31, 40);
  return archive;
}
