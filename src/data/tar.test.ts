import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractTarGz } from './tar.ts';

let root: string;
let archive: string;
let out: string;
const long = Buffer.from(Array.from({ length: 100_001 }, (_, at) => at % 251));

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'laurel-tar-'));
  archive = join(root, 'archive.tar.gz');
  out = join(root, 'out');
  await mkdir(out);
  await mkdir(join(root, 'in/deep'), { recursive: true });
  await writeFile(join(root, 'in/deep/long.bin'), long);
  await writeFile(join(root, 'in/block.bin'), long.subarray(0, 512));
  await writeFile(join(root, 'in/empty.bin'), '');
  await writeFile(join(root, 'in/other.txt'), 'not wanted');
  // The system's own tar writes the archive, so that this reader is not checked against itself.
  execFileSync('tar', ['--format=ustar', '-czf', archive, '-C', root, 'in']);
});
afterEach(() => rm(root, { recursive: true }));

describe('extractTarGz', () => {
  it('extracts the wanted files, whatever folder they are in', async () => {
    await extractTarGz(archive, ['long.bin', 'block.bin', 'empty.bin'], out);
    expect((await readdir(out)).sort()).toEqual(['block.bin', 'empty.bin', 'long.bin']);
    expect((await readFile(join(out, 'long.bin'))).equals(long)).toBe(true);
    expect((await readFile(join(out, 'block.bin'))).equals(long.subarray(0, 512))).toBe(true);
    expect(await readFile(join(out, 'empty.bin'))).toHaveLength(0);
  });

  it('takes neither folders nor links for files', async () => {
    await expect(extractTarGz(archive, ['deep'], out)).rejects.toThrow(/does not hold deep/);
  });

  it('cannot be led outside the folder by a name', async () => {
    const tar = gunzipSync(await readFile(archive));
    const at = tar.indexOf('in/block.bin');
    tar.write('../block.bin\0', at);
    let sum = 8 * 32;
    for (let byte = 0; byte < 512; byte++) if (byte < 148 || byte >= 156) sum += tar[at + byte] as number;
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
    await writeFile(archive, gzipSync(tar));
    await extractTarGz(archive, ['block.bin'], out);
    expect(await readdir(out)).toEqual(['block.bin']);
  });

  it('names the files that are missing', async () => {
    await expect(extractTarGz(archive, ['long.bin', 'train.bin', 'test.bin'], out)).rejects.toThrow(
      /archive.tar.gz does not hold train.bin, test.bin. It is not the official archive/,
    );
  });

  it.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['cut after unpacking', (bytes: Buffer) => gzipSync(gunzipSync(bytes).subarray(0, 5000))],
    ['text', () => Buffer.from('<html>not found</html>')],
    ['another packed file', () => gzipSync(Buffer.alloc(5000, 65))],
  ])('refuses an archive that is %s', async (_, damage) => {
    await writeFile(archive, damage(await readFile(archive)));
    await expect(extractTarGz(archive, ['long.bin', 'zebra.bin'], out)).rejects.toThrow(
      /archive.tar.gz is truncated or damaged/,
    );
  });

  it('names an archive that is not there and a file that cannot be written', async () => {
    await expect(extractTarGz(`${archive}x`, ['long.bin'], out)).rejects.toThrow(/no such file/);
    await mkdir(join(out, 'long.bin'));
    await expect(extractTarGz(archive, ['long.bin'], out)).rejects.toThrow(/Cannot write .*long.bin/);
  });
});
