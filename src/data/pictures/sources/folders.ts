// Image folders: ROOT/<class>/*, or ROOT/train/<class>/* with ROOT/test or ROOT/val. Pictures may lie in folders below
// a class's own, as torchvision's ImageFolder allows. Classes follow the folders' names in code point order, pictures
// their folders' order, then their names'.
import { basename, join } from 'node:path';
import { UserError } from '../../../errors.ts';
import type { Split } from '../../dataset.ts';
import type { PictureIndex } from '../picture-index.ts';
import { type ClassNaming, nameClasses } from './class-files.ts';
import { growing, growingNames } from './growing.ts';
import {
  entriesOf,
  foldersIn,
  hasPictures,
  type ListingOptions,
  pictureFile,
  type Stamp,
  stampOf,
  turns,
} from './listing.ts';

/** An index with all that it was made from: it holds as long as their stamps do. */
export interface Listed {
  readonly index: PictureIndex;
  readonly stamps: readonly Stamp[];
}

export const splitFolders: Readonly<Record<Split, readonly string[]>> = {
  train: ['train'],
  test: ['test', 'val', 'validation'],
};

/** Where the classes of `split` lie under `root`; undefined when `root` holds no folders with pictures. */
export function findClassFolders(
  root: string,
  split: Split,
): { folder: string; undivided: boolean } | undefined {
  for (const name of splitFolders[split]) {
    if (foldersIn(join(root, name)).length > 0) return { folder: join(root, name), undivided: false };
  }
  return isUndivided(root) ? { folder: root, undivided: true } : undefined;
}

/** Whether `root` has folders of classes, and none of a split. */
function isUndivided(root: string): boolean {
  const names = Object.values(splitFolders).flat();
  const divided = names.some((name) => foldersIn(join(root, name)).length > 0);
  // ILSVRC's validation pictures lie in no folders of classes.
  return (
    !divided &&
    !hasPictures(join(root, 'val'), 0) &&
    foldersIn(root).some((name) => hasPictures(join(root, name), 2))
  );
}

/** The classes of the training pictures, for those of a test. */
export interface Trained {
  /** Names of folders, or WordNet identifiers. */
  readonly identifiers: readonly string[];
  readonly folder: string;
}

/** Of class folders; undefined where `root` has none for training. */
export function trainedFolders(root: string): Trained | undefined {
  const found = findClassFolders(root, 'train');
  return found && { identifiers: foldersIn(found.folder), folder: found.folder };
}

/** Lists the pictures of `split`. Undefined when there are no class folders for it. */
export async function listFolders(
  root: string,
  split: Split,
  trained: Trained | undefined,
  options: ListingOptions,
): Promise<Listed | undefined> {
  const found = findClassFolders(root, split);
  if (found === undefined) return undefined;
  const { folder, undivided } = found;
  const classFolder = trained?.folder ?? folder;
  const stamps: Stamp[] = [];
  for (const path of new Set([root, classFolder, folder])) stamps.push(stampOf(path) as Stamp);
  const naming = nameClasses(trained?.identifiers ?? foldersIn(folder), [root, classFolder], options.onNote);
  const { labels, names } = await listPictures(folder, naming, classFolder, stamps, options);
  if (labels.length === 0) {
    throw new UserError(`${folder} holds class folders but no pictures (jpg, png, webp, gif, tiff, avif).`);
  }
  return {
    stamps,
    index: {
      name: basename(root),
      split,
      path: root,
      length: labels.length,
      classes: naming.classes,
      labels,
      undivided,
      store: { kind: 'files', root: folder, ...names },
    },
  };
}

async function listPictures(
  folder: string,
  naming: ClassNaming,
  classFolder: string,
  stamps: Stamp[],
  options: ListingOptions,
) {
  const labels = growing(Int32Array);
  const names = growingNames();
  const turn = turns(options);
  /** Adds the pictures in `below`, then those of its folders. `above`: the folders it lies in, as links may circle. */
  async function add(below: string, label: number | undefined, above: readonly string[]): Promise<void> {
    const path = join(folder, below);
    const stamp = stampOf(path);
    const { files, folders } = entriesOf(path, (name) => pictureFile.test(name));
    if (stamp !== undefined) stamps.push(stamp);
    if (files.length > 0 && label === undefined) {
      throw new UserError(
        `${path}: the class '${above[0] ?? below}' is not among the ${naming.classes.length} classes of ` +
          `${classFolder}. Rename the folder or add its training pictures.`,
      );
    }
    for (const file of files) {
      names.push(`${below}/${file}`);
      labels.push(label as number);
    }
    await turn(labels.length);
    if (folders.length === 0) return;
    if (above.length >= deepest) {
      throw new UserError(
        `${path} lies more than ${deepest} folders below its class. A link may lead in a circle; remove it.`,
      );
    }
    for (const name of folders) await add(`${below}/${name}`, label, [...above, below]);
  }
  for (const name of foldersIn(folder)) await add(name, naming.labels.get(name), []);
  return { labels: labels.finish(), names: names.finish() };
}

const deepest = 16;
