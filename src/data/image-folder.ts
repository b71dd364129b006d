// Folders of pictures, one folder per class: ROOT/<class>/*, or ROOT/train/<class>/* with ROOT/test or ROOT/val.
// Pictures are decoded and resized once, at opening: short side to fit, then the centre (torchvision's Resize and
// CenterCrop; bilinear with antialiasing). Class indices follow the folders' names in code point order, as in
// torchvision's ImageFolder.
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { reason } from '../files.ts';
import { allocateDataset, type Dataset, type Split } from './dataset.ts';
import { decodeFile } from './raster.ts';

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

/** The pictures of a split, not yet decoded, in the order that a data set of them has. */
export interface ImageFolder {
  /** Names of the class folders, in code point order. */
  readonly classes: readonly string[];
  readonly files: readonly { readonly path: string; readonly label: number }[];
  /** True when the folder knows no splits. */
  readonly undivided: boolean;
}

/** Lists the pictures of `split` under `root`. Throws a UserError where there are none, or of an unknown class. */
export function listImageFolder(root: string, split: Split): ImageFolder {
  const found = classFolders(root, split);
  if (found === undefined) {
    throw new UserError(
      `${root} holds no pictures for the split '${split}': expected ${root}/<class>/*.jpg or ` +
        `${root}/${split}/<class>/*.jpg (also png, webp, gif, tiff, avif).`,
    );
  }
  const trained = split === 'test' ? classFolders(root, 'train') : undefined;
  const classes = subfolders((trained ?? found).folder);
  const labels = new Map(classes.map((name, label) => [name, label]));
  const files = subfolders(found.folder).flatMap((name) => {
    const label = labels.get(name);
    const paths = pictures(join(found.folder, name));
    if (label === undefined && paths.length > 0) {
      throw new UserError(
        `${join(found.folder, name)}: the class '${name}' is not among the ${classes.length} classes of ` +
          `${trained?.folder}. Rename the folder or add its training pictures.`,
      );
    }
    return paths.map((path) => ({ path, label: label as number }));
  });
  if (files.length === 0) {
    throw new UserError(
      `${found.folder} holds class folders but no pictures (jpg, png, webp, gif, tiff, avif).`,
    );
  }
  return { classes, files, undivided: found.undivided };
}

/** Reads the pictures of `split` under `root`. Fails on a file that is named like a picture and is none. */
export async function readImageFolder(
  root: string,
  split: Split,
  options: ImageFolderOptions,
): Promise<Dataset> {
  const { classes, files, undivided } = listImageFolder(root, split);
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
    undivided,
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

/** Decodes the picture at `path`, its short side fitted and its centre cut, to planar RGB bytes in `pixels`. */
async function decodeInto(
  pixels: Uint8Array,
  offset: number,
  path: string,
  height: number,
  width: number,
): Promise<void> {
  const raster = await decodeFile(path, 3, { least: { height, width }, interpolation: 'bilinear' });
  const { data, pixelStep, planeStep, channels } = raster;
  const top = Math.floor((raster.height - height) / 2);
  const left = Math.floor((raster.width - width) / 2);
  for (let channel = 0; channel < 3; channel++) {
    // A grey file gives one channel.
    const source = Math.min(channel, channels - 1) * planeStep;
    let at = offset + channel * height * width;
    for (let y = 0; y < height; y++) {
      let from = source + ((top + y) * raster.width + left) * pixelStep;
      for (let x = 0; x < width; x++, from += pixelStep) pixels[at++] = data[from] as number;
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
