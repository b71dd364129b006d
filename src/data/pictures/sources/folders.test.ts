import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openPictures } from '../open.ts';
import { pictureName } from '../picture-index.ts';
import { openStore } from '../picture-store.ts';
import { noCache, scratchFolder, told, writeTree } from './testing.ts';

const scratch = scratchFolder();
let count = 0;
const fresh = (): string => join(scratch, `${count++}`);
const open = (path: string, split: 'train' | 'test' = 'train', notes: string[] = []) =>
  openPictures(path, split, { cache: noCache, onNote: (note) => notes.push(note) });

describe('image folders', () => {
  it('are listed by class and name, in code point order, with what lies deeper', async () => {
    const root = writeTree(fresh(), [
      'zebra/b.png',
      'zebra/a.webp',
      'zebra/deep/er/c.jpg',
      'ant/X.JPEG',
      'ant/ä.jpg',
      'ant/notes.txt',
      'ant/._x.png',
      '.hidden/x.png',
    ]);
    const index = await open(root);
    expect(told(index)).toEqual([
      'ant/X.JPEG: ant',
      'ant/ä.jpg: ant',
      'zebra/a.webp: zebra',
      'zebra/b.png: zebra',
      'zebra/deep/er/c.jpg: zebra',
    ]);
    expect(index).toMatchObject({ length: 5, undivided: true, split: 'train', path: root });
    const store = openStore((index as NonNullable<typeof index>).store);
    expect(Buffer.from((store.read(1) as { bytes: Uint8Array }).bytes).toString()).toBe('ant/ä.jpg');
    expect(pictureName(index as NonNullable<typeof index>, 4)).toBe(join(root, 'zebra/deep/er/c.jpg'));
    rmSync(join(root, 'zebra/b.png'));
    expect(() => store.read(3)).toThrow(/zebra\/b\.png: no such file/);
  });

  it.each(['test', 'val', 'validation'])(
    'keep train and %s apart, with the classes of train',
    async (name) => {
      const root = writeTree(fresh(), ['train/a/1.png', 'train/b/1.png', `${name}/b/2.png`]);
      expect(told(await open(root))).toEqual(['a/1.png: a', 'b/1.png: b']);
      const test = await open(root, 'test');
      expect(told(test)).toEqual(['b/2.png: b']);
      expect(test).toMatchObject({ classes: ['a', 'b'], undivided: false });
    },
  );

  it('follow links, pass over broken ones, and end at a circle', async () => {
    const root = writeTree(fresh(), ['a/1.png']);
    const elsewhere = writeTree(fresh(), ['2.png']);
    symlinkSync(elsewhere, join(root, 'b'));
    symlinkSync(join(root, 'a/1.png'), join(root, 'a/link.png'));
    symlinkSync('/nowhere', join(root, 'a/broken.png'));
    expect(told(await open(root))).toEqual(['a/1.png: a', 'a/link.png: a', 'b/2.png: b']);
    symlinkSync('.', join(root, 'a/circle'));
    await expect(open(root)).rejects.toThrow(/A link may lead in a circle/);
  });

  it('are shown by names: those of ImageNet, of a class file, or their own', async () => {
    const root = writeTree(fresh(), ['train/n01440764/1.JPEG', 'train/n99999999/1.JPEG']);
    expect((await open(root))?.classes).toEqual(['tench', 'n99999999']);
    writeFileSync(join(root, 'words.txt'), 'n00000001\tthing\nn01440764\ttench, Tinca\nn99999999\tmade up\n');
    expect((await open(root))?.classes).toEqual(['tench', 'made up']);
    const plain = writeTree(fresh(), {
      'train/cat/1.png': '',
      'train/dog/1.png': '',
      'classes.txt': 'dog\ncat\n',
    });
    expect(told(await open(plain))).toEqual(['cat/1.png: cat', 'dog/1.png: dog']);
    expect((await open(plain))?.classes).toEqual(['dog', 'cat']);
    const numbers = writeTree(fresh(), {
      'train/0/1.png': '',
      'train/1/1.png': '',
      'labels.txt': 'cat\nkit fox\n',
    });
    expect((await open(numbers))?.classes).toEqual(['cat', 'kit fox']);
    const notes: string[] = [];
    writeFileSync(join(plain, 'classes.txt'), 'one\ntwo\nthree\n');
    expect((await open(plain, 'train', notes))?.classes).toEqual(['cat', 'dog']);
    expect(notes.join()).toMatch(/classes\.txt names other classes than the 2 folders/);
  });

  it('that are nothing give nothing, or one sentence that says what is expected', async () => {
    mkdirSync(join(scratch, 'empty'));
    expect(await open(join(scratch, 'empty'))).toBeUndefined();
    expect(await open('cifar-10')).toBeUndefined();
    expect(await open(join(scratch, 'absent'))).toBeUndefined();
    const flat = writeTree(fresh(), ['1.png', '2.png']);
    await expect(open(flat)).rejects.toThrow(/holds pictures, but not in a folder for each class/);
    const trainOnly = writeTree(fresh(), ['train/a/1.png']);
    await expect(open(trainOnly, 'test')).rejects.toThrow(
      /no pictures for the split 'test', only for 'train'/,
    );
    const stranger = writeTree(fresh(), ['train/a/1.png', 'val/b/1.png']);
    await expect(open(stranger, 'test')).rejects.toThrow(
      /the class 'b' is not among the 1 classes of .*train/,
    );
    const bare = fresh();
    mkdirSync(join(bare, 'train/a'), { recursive: true });
    await expect(open(bare)).rejects.toThrow(/class folders but no pictures/);
    const text = writeTree(fresh(), ['notes.md']);
    await expect(open(join(text, 'notes.md'))).rejects.toThrow(/is a file, and none of these: a pack/);
    await expect(open(join(text, 'gone.pack'))).rejects.toThrow(/There is no file/);
  });

  it.skipIf(process.getuid?.() === 0)('name a folder that cannot be read', async () => {
    const root = writeTree(fresh(), ['train/a/1.png', 'train/b/1.png']);
    chmodSync(join(root, 'train/b'), 0);
    await expect(open(root)).rejects.toThrow(/Cannot read .*train\/b: permission denied/);
    chmodSync(join(root, 'train/b'), 0o700);
  });
});

describe('lists', () => {
  it('name paths and classes, by number or by name', async () => {
    const root = writeTree(fresh(), {
      'pictures/1.jpg': '',
      'pictures/my cat.jpg': '',
      'train.txt': 'pictures/1.jpg 1\npictures/my cat.jpg 0\n',
      'val.txt': 'pictures/1.jpg 0\n',
      'classes.txt': 'cat\ndog\n',
    });
    expect(told(await open(root))).toEqual(['pictures/1.jpg: dog', 'pictures/my cat.jpg: cat']);
    expect(told(await open(root, 'test'))).toEqual(['pictures/1.jpg: cat']);
    writeFileSync(join(root, 'all.csv'), 'file,label\npictures/1.jpg,kit fox\npictures/my cat.jpg,cat\n');
    const all = await open(join(root, 'all.csv'), 'test');
    expect(all).toMatchObject({ undivided: true, classes: ['cat', 'kit fox'], labels: Int32Array.of(1, 0) });
  });

  it('say which line is wrong, and which file is not there', async () => {
    const root = writeTree(fresh(), {
      'train.txt': 'a.jpg cat\nb.jpg dog\n',
      'a.jpg': '',
      'val.txt': 'a.jpg cow\n',
    });
    await expect(open(root, 'test')).rejects.toThrow(
      /a\.jpg has the class 'cow', which is none of .*train\.txt/,
    );
    rmSync(join(root, 'a.jpg'));
    await expect(open(root)).rejects.toThrow(/names .*a\.jpg, which is not there/);
  });
});
