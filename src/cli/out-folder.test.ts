import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { intoFolder } from './out-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-out-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fail = async (): Promise<never> => {
  throw new Error('it failed');
};

describe('intoFolder', () => {
  it('makes the folder and gives what the work gives', async () => {
    const out = join(folder, 'a/b');
    expect(await intoFolder(out, async () => existsSync(out))).toBe(true);
    expect(existsSync(out)).toBe(true);
  });

  it('takes away what it made if the work fails and left nothing', async () => {
    await expect(intoFolder(join(folder, 'c/d'), fail)).rejects.toThrow('it failed');
    expect(existsSync(join(folder, 'c'))).toBe(false);
  });

  it('leaves what was there before, and what holds something', async () => {
    mkdirSync(join(folder, 'before'));
    await expect(intoFolder(join(folder, 'before'), fail)).rejects.toThrow('it failed');
    expect(existsSync(join(folder, 'before'))).toBe(true);
    const out = join(folder, 'kept');
    const work = (): Promise<never> => {
      writeFileSync(join(out, 'figure.png'), '');
      return fail();
    };
    await expect(intoFolder(out, work)).rejects.toThrow('it failed');
    expect(existsSync(join(out, 'figure.png'))).toBe(true);
  });

  it('says where there can be none', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(intoFolder(join(folder, 'file/x'), fail)).rejects.toThrow(/^Cannot write to/);
    expect(existsSync(join(folder, 'file'))).toBe(true);
  });
});
