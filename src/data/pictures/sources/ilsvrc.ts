// The official files of ILSVRC 2012. Training pictures: the archive of a thousand archives, or these, each of a class;
// they are read in place. Validation pictures: one folder or archive of 50,000, whose classes stand in the devkit.
// Kaggle's copy has the same pictures in ILSVRC/Data/CLS-LOC.
import { basename, dirname, join, posix } from 'node:path';
import { UserError } from '../../../errors.ts';
import type { Split } from '../../dataset.ts';
import { isFile, isFolder } from '../../homes.ts';
import { imagenetClasses } from '../../imagenet-classes.ts';
import { nameClasses } from './class-files.ts';
import type { Listed } from './folders.ts';
import { growing, growingNames } from './growing.ts';
import {
  entriesOf,
  foldersIn,
  hasPictures,
  type ListingOptions,
  pictureFile,
  type Stamp,
  stampOf,
} from './listing.ts';
import { tarList } from './tar-list.ts';
import { openTar, type TarMember } from './tar-members.ts';
import { findTruth, type Truth, truthPlaces } from './truth.ts';

/** The folder with train and val in it: Kaggle's archive has it four levels down. */
export function ilsvrcBase(root: string): string {
  const below = ['', 'Data/CLS-LOC', 'ILSVRC/Data/CLS-LOC'].map((path) => join(root, path));
  return below.find((path) => path !== root && isFolder(path)) ?? root;
}

const classTar = /^(n\d{8})\.tar$/;

/** The archives of the training pictures: one of all, or one per class. */
export interface TrainTars {
  readonly folder: string;
  readonly files: readonly string[];
  /** The archives lie in one archive. */
  readonly nested: boolean;
}

export function findTrainTars(base: string): TrainTars | undefined {
  for (const folder of [join(base, 'train'), base]) {
    const { files } = entriesOf(folder, (name) => classTar.test(name));
    if (files.length > 0) return { folder, files: files.map((name) => join(folder, name)), nested: false };
    const whole = join(folder, 'ILSVRC2012_img_train.tar');
    if (isFile(whole)) return { folder, files: [whole], nested: true };
  }
  return undefined;
}

/** Whether the archive holds archives of classes. */
export function isTrainTar(path: string): boolean {
  const tar = openTar(path);
  try {
    const { value } = tar.members().next();
    return value !== undefined && classTar.test(posix.basename(value.name));
  } finally {
    tar.close();
  }
}

/** The WordNet identifiers of the classes in the archives, in code point order. */
export function identifiersOf({ files, nested }: TrainTars): string[] {
  if (!nested) return files.map((file) => wnidOf(file)).sort();
  const tar = openTar(files[0] as string);
  try {
    return Array.from(classTars(tar.path, tar.members()), ({ name }) => wnidOf(name)).sort();
  } finally {
    tar.close();
  }
}

function wnidOf(path: string): string {
  return posix.basename(basename(path), '.tar');
}

function* classTars(path: string, members: Generator<TarMember>): Generator<TarMember> {
  for (const member of members) {
    if (classTar.test(posix.basename(member.name))) yield member;
    else throw new UserError(`${path}: ${member.name} is no archive of a class, such as n01440764.tar.`);
  }
}

/** Lists the training pictures. */
export async function listTrainTars(root: string, tars: TrainTars, options: ListingOptions): Promise<Listed> {
  const { folder, files, nested } = tars;
  const { classes, labels } = nameClasses(identifiersOf(tars), [root, folder], options.onNote);
  const list = tarList(options);
  for (const file of files) {
    const tar = nested ? openTar(file) : undefined;
    try {
      await list.read(file, (members, add) => {
        const inner =
          tar === undefined
            ? [[wnidOf(file), members] as const]
            : Array.from(
                classTars(file, members),
                ({ name, start, size }) => [wnidOf(name), tar.members(start, start + size)] as const,
              );
        for (const [wnid, pictures] of inner) {
          for (const picture of pictures) {
            const name = posix.basename(picture.name);
            if (!pictureFile.test(name) || name.startsWith('.')) continue;
            add(picture, labels.get(wnid) as number, `${wnid}/${name}`);
          }
        }
      });
    } finally {
      tar?.close();
    }
  }
  const stamps = [root, folder, ...files].map((path) => stampOf(path) as Stamp);
  return list.finish({ path: root, split: 'train', classes, mixed: false, undivided: false, stamps });
}

/** The validation pictures: a folder without folders of classes, or an archive. */
export interface Validation {
  readonly path: string;
  readonly tar: boolean;
}

export function findValidation(base: string): Validation | undefined {
  const folder = join(base, 'val');
  // Tiny ImageNet puts them one folder down, beside their classes.
  if (isFile(join(folder, 'val_annotations.txt')) && isFolder(join(folder, 'images'))) {
    return { path: join(folder, 'images'), tar: false };
  }
  if (isFolder(folder) && foldersIn(folder).length === 0 && hasPictures(folder, 0)) {
    return { path: folder, tar: false };
  }
  const archive = [base, folder].map((place) => join(place, 'ILSVRC2012_img_val.tar')).find(isFile);
  return archive === undefined ? undefined : { path: archive, tar: true };
}

/**
 * Lists the validation pictures. `trained`: the classes of the training pictures, where there are any; pictures of
 * others are left out, so that a part of the classes can be trained and tested.
 */
export async function listValidation(
  root: string,
  validation: Validation,
  trained: readonly string[] | undefined,
  options: ListingOptions,
): Promise<Listed> {
  const { path, tar } = validation;
  const places = truthPlaces(root, ilsvrcBase(root), tar ? dirname(path) : path);
  const truth = await findTruth(places);
  if (truth === undefined) {
    throw new UserError(
      `${path} holds pictures without folders of classes, and there is nothing that says their classes: put ` +
        `ILSVRC2012_devkit_t12.tar.gz, LOC_val_solution.csv or val.txt into ${root}.`,
    );
  }
  const identifiers = trained ?? imagenetClasses.map(({ wnid }) => wnid);
  const { classes, labels } = nameClasses(identifiers, [root, ...places], options.onNote);
  const stamps = [root, dirname(path), path, ...truth.files].map((each) => stampOf(each) as Stamp);
  let left = 0;
  /** Undefined: of a class that is not trained. */
  const labelOf = (name: string): number | undefined => {
    const wnid = wnidIn(truth, name, path);
    const label = labels.get(wnid);
    if (label === undefined) left++;
    return label;
  };
  const listed = tar
    ? await listTar(root, path, labelOf, classes, stamps, options)
    : listFolder(root, path, labelOf, classes, stamps);
  if (listed.index.length === 0) {
    throw new UserError(`${path} holds no pictures of the ${classes.length} classes that are trained.`);
  }
  if (left > 0)
    options.onNote?.(`${left} pictures of ${path} are of classes that are not trained; left out.`);
  return listed;
}

function wnidIn(truth: Truth, name: string, path: string): string {
  const wnid = truth.wnid(name);
  if (wnid !== undefined) return wnid;
  throw new UserError(`${path}: the class of ${name} is not in ${truth.files[0]}.`);
}

const test: Split = 'test';

function listFolder(
  root: string,
  folder: string,
  labelOf: (name: string) => number | undefined,
  classes: readonly string[],
  stamps: readonly Stamp[],
): Listed {
  const numbers = growing(Int32Array);
  const list = growingNames();
  for (const name of entriesOf(folder, (each) => pictureFile.test(each)).files) {
    const label = labelOf(name);
    if (label === undefined) continue;
    numbers.push(label);
    list.push(name);
  }
  const labels = numbers.finish();
  return {
    stamps,
    index: {
      name: basename(root),
      split: test,
      path: root,
      length: labels.length,
      classes,
      labels,
      undivided: false,
      store: { kind: 'files', root: folder, ...list.finish() },
    },
  };
}

async function listTar(
  root: string,
  archive: string,
  labelOf: (name: string) => number | undefined,
  classes: readonly string[],
  stamps: readonly Stamp[],
  options: ListingOptions,
): Promise<Listed> {
  const list = tarList(options);
  await list.read(archive, (members, add) => {
    for (const member of members) {
      const name = posix.basename(member.name);
      if (!pictureFile.test(name) || name.startsWith('.')) continue;
      const label = labelOf(name);
      if (label !== undefined) add(member, label);
    }
  });
  return list.finish({ path: root, split: test, classes, mixed: false, undivided: false, stamps });
}
