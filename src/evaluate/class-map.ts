// Which answer of a network a folder of pictures means. Folders are matched by name, never by their place in the
// list, where the classes of the weights are known: a folder of ten ImageNet classes is ten of the thousand.
import { imagenetClasses, imagenetNames } from '../data/imagenet-classes.ts';
import { didYouMean, UserError } from '../errors.ts';

/**
 * The index in `classes` of each of `folders`. ImageNet's classes are known by their WordNet identifier and by each
 * of their words too. Throws a UserError that names the first folder that is no class, or could be two.
 */
export function classIndices(
  folders: readonly string[],
  classes: readonly string[],
  path: string,
): readonly number[] {
  const exact = new Map(classes.map((name, index) => [name, index]));
  const known = namesOf(classes);
  return folders.map((folder) => {
    const same = exact.get(folder);
    if (same !== undefined) return same;
    const found = known.get(plain(folder));
    if (found?.size === 1) return [...found][0] as number;
    if (found !== undefined) {
      const meant = [...found].map((index) => classes[index]);
      throw new UserError(
        `${path}: the folder '${folder}' could be each of the classes ${meant.join(' and ')}. ` +
          'Name it by its WordNet identifier.',
      );
    }
    throw new UserError(
      `${path}: the folder '${folder}' is none of the ${classes.length} classes that the weights tell apart.` +
        didYouMean(folder, classes),
    );
  });
}

/** Whether these are the thousand classes of ILSVRC, in their order. */
export function isImagenet(classes: readonly string[]): boolean {
  return classes.length === imagenetNames.length && classes.every((name, i) => name === imagenetNames[i]);
}

/** WordNet's identifier of each short name, and the other way round. */
const otherNames = new Map(
  imagenetClasses.flatMap(
    ({ wnid, name }) =>
      [
        [wnid, name],
        [name, wnid],
      ] as const,
  ),
);

/** Each way to write a class's name, with the classes that are written so. */
function namesOf(classes: readonly string[]): Map<string, Set<number>> {
  const names = new Map<string, Set<number>>();
  const add = (name: string, index: number): void => {
    const key = plain(name);
    names.set(key, (names.get(key) ?? new Set()).add(index));
  };
  for (const [index, name] of classes.entries()) add(name, index);
  const written = new Set(classes);
  for (const [index, name] of classes.entries()) {
    const other = otherNames.get(name);
    if (other !== undefined && !written.has(other)) add(other, index);
  }
  if (!isImagenet(classes)) return names;
  for (const [index, { wnid, synonyms }] of imagenetClasses.entries()) {
    for (const name of [wnid, ...synonyms, synonyms.join(', ')]) add(name, index);
  }
  return names;
}

/** Case, underscores and surrounding blanks do not tell classes apart. */
function plain(name: string): string {
  return name.trim().replaceAll('_', ' ').toLowerCase();
}
