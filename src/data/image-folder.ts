// Folders of pictures, one folder per class: ROOT/<class>/*, or ROOT/train/<class>/* with ROOT/test or ROOT/val.
// Pictures are decoded and resized once, at opening: short side to fit, then the centre (torchvision's Resize and
// CenterCrop; bilinear with antialiasing). Class indices follow the folders' names in code point order, as in
// torchvision's ImageFolder.
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';
import { allocateDataset, type Dataset, type Split } from './dataset.ts';

const pictureName = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

export interface ImageFolderOptions {
  /** Of the decoded pictures, px. */
  readonly size: { readonly height: number; readonly width: number };
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where the classes of `split` lie under `root`; undefined when `root` holds no folders with pictures. */
export function classFolders(root: string, split: Split): { folder: string; undivided: boolean } | undefined {
  const names = split === 'train' ? ['train'] : ['test', 'val', 'validation'];
  for (const name of names) {
    if (subfolders(join(root, name)).length > 0) return { folder: join(root, name), undivided: false };
  }
  const divided = ['train', 'test', 'val', 'validation'].some(
    (name) => subfolders(join(root, name)).length > 0,
  );
  if (divided || !subfolders(root).some((name) => pictures(join(root, name)).length > 0)) return undefined;
  return { folder: root, undivided: true };
}

/** Reads the pictures of `split` under `root`. Fails on a file that is named like a picture and is none. */
export async function readImageFolder(
  root: string,
  split: Split,
  options: ImageFolderOptions,
): Promise<Dataset> {
  const found = classFolders(root, split);
  if (found === undefined) {
    throw new UserError(
      `${root} holds no pictures for the split '${split}': expected ${root}/<class>/*.jpg or ` +
        `${root}/${split}/<class>/*.jpg (also png, webp, gif, tiff, avif).`,
    );
  }
  const trained = split === 'test' ? classFolders(root, 'train') : undefined;
  const classes = subfolders((trained ?? found).folder);
  const files = subfolders(found.folder).flatMap((name) => {
    const label = classes.indexOf(name);
    const paths = pictures(join(found.folder, name));
    if (label < 0 && paths.length > 0) {
      throw new UserError(
        `${join(found.folder, name)}: the class '${name}' is not among the ${classes.length} classes of ` +
          `${trained?.folder}. Rename the folder or add its training pictures.`,
      );
    }
    return paths.map((path) => ({ path, label }));
  });
  if (files.length === 0) {
    throw new UserError(
      `${found.folder} holds class folders but no pictures (jpg, png, webp, gif, tiff, avif).`,
    );
  }
  const { height, width } = options.size;
  const dataset = allocateDataset({
    name: basename(root),
    split,
    path: root,
    length: files.length,
    channels: 3,
    height,
    width,
    classes,
    undivided: found.undivided,
  });
  let next = 0;
  let done = 0;
  const decodeSome = async () => {
    while (next < files.length) {
      const index = next++;
      const { path, label } = files[index] as (typeof files)[number];
      await decodeInto(dataset.pixels, index * 3 * height * width, path, height, width);
      dataset.labels[index] = label;
      options.onProgress?.(++done, files.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, decodeSome));
  } finally {
    // After a failure the others stop at their next picture.
    next = files.length;
  }
  return dataset;
}

/** Decodes the picture at `path`, upright, sRGB, without alpha, to planar bytes at `offset` of `pixels`. */
export async function decodeInto(
  pixels: Uint8Array,
  offset: number,
  path: string,
  height: number,
  width: number,
): Promise<void> {
  let interleaved: Buffer;
  try {
    interleaved = await sharp(path, { failOn: 'error' })
      .autoOrient()
      .resize({ width, height, fit: 'cover', position: 'centre', kernel: 'linear', fastShrinkOnLoad: false })
      .toColourspace('srgb')
      .flatten()
      .raw()
      .toBuffer();
  } catch (error) {
    throw new UserError(
      `${path} is not a picture that can be read: ${(error as Error).message.trim().split('\n')[0]}. ` +
        'Replace the file or remove it.',
      { cause: error },
    );
  }
  const plane = height * width;
  for (let at = 0, from = 0; at < plane; at++, from += 3) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[offset + channel * plane + at] = interleaved[from + channel] as number;
    }
  }
}

function subfolders(folder: string): string[] {
  return entries(folder).filter((name) => {
    const status = statSync(join(folder, name), { throwIfNoEntry: false });
    return status?.isDirectory() === true;
  });
}

/** The pictures that lie in `folder` itself, in code point order. */
function pictures(folder: string): string[] {
  return entries(folder)
    .filter((name) => pictureName.test(name))
    .map((name) => join(folder, name));
}

/** Visible names in `folder`, in code point order; none when there is no such folder. */
function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new UserError(`Cannot read ${folder}: ${reason(error)}`, { cause: error });
  }
}
