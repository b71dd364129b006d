// `laurel pack` from end to end: the pack stands for the folder it was made of, a Ctrl-C leaves nothing.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { laurel, temporaryFolder } from './cli.ts';

const folder = temporaryFolder();

beforeAll(async () => {
  for (const [split, count] of [
    ['train', 6],
    ['val', 3],
  ] as const) {
    for (const [name, background] of [
      ['n01440764', '#f00'],
      ['n02119789', '#00f'],
    ] as const) {
      mkdirSync(join(folder, 'data', split, name), { recursive: true });
      const picture = await sharp({ create: { width: 90, height: 70, channels: 3, background } })
        .jpeg()
        .toBuffer();
      for (let i = 0; i < count; i++) writeFileSync(join(folder, 'data', split, name, `${i}.JPEG`), picture);
    }
  }
});

describe('laurel pack', () => {
  it('packs both splits, and the pack is verified', async () => {
    const packed = await laurel(['pack', 'data', '--out', 'x.pack', '--side', '64', '--json'], {
      cwd: folder,
    });
    expect(packed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(packed.stdout)).toMatchObject({
      pictures: 18,
      classes: 2,
      side: 64,
      format: 'raw',
      skipped: 0,
    });
    const verified = await laurel(['pack', 'x.pack', '--verify'], { cwd: folder });
    expect(verified).toMatchObject({ code: 0, stdout: 'x.pack: 18 pictures, all as they were packed.\n' });
  });

  it.each([
    ['data', /^error: Say where the pack goes with --out FILE\.\n$/],
    ['data --out x.pack --side 0', /Expected a whole number of at least 1/],
    ['data --out x.pack --format png', /Expected raw, jpeg/],
    ['data --out x.pack --quality 101', /The quality is 101; expected 1 to 100/],
    ['cifar-100 --out x.pack', /cifar-100 holds no pictures to pack: .* need no pack/],
    ['nowhere --out x.pack', /There is no file or folder nowhere/],
    ['missing.tar --out x.pack', /There is no file missing\.tar/],
  ])('refuses %s in one sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await laurel(['pack', ...args.split(' ')], { cwd: folder });
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('fails on a bad picture by name, and leaves no file', async () => {
    const bad = temporaryFolder();
    mkdirSync(join(bad, 'data/a'), { recursive: true });
    writeFileSync(join(bad, 'data/a/1.jpg'), '<html>not found</html>');
    const { code, stderr } = await laurel(['pack', 'data', '--out', 'x.pack'], { cwd: bad });
    expect(stderr).toMatch(/^error: .*data\/a\/1\.jpg cannot be used: it is no JPEG.*looks like a web page/);
    expect(code).toBe(1);
    expect(readdirSync(bad)).toEqual(['data']);
  });
});
