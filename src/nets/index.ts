// Every network that Laurel knows, by name. A family is a file under `families/` whose default export lists its
// networks: putting a file there is all that adding one takes. (In a browser, which cannot list folders, import
// the family's own file.)
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { didYouMean, UserError } from '../errors.ts';
import type { Family, NetworkDescription } from './network.ts';

/** The families in a folder of modules, in the order of their first networks' years. */
export async function loadFamilies(folder: string): Promise<Family[]> {
  const files = readdirSync(folder).filter((file) => /^[^.]+\.[jt]s$/.test(file));
  const modules = await Promise.all(
    files
      .sort()
      .map(async (file) => (await import(pathToFileURL(join(folder, file)).href)) as { default: Family }),
  );
  const firstYear = ({ networks }: Family): number => networks[0]?.year ?? 0;
  return modules.map((module) => module.default).sort((a, b) => firstYear(a) - firstYear(b));
}

/** All families of networks, in the order of their years: one for each file in `families/`. */
export const families: readonly Family[] = await loadFamilies(join(import.meta.dirname, 'families'));

/** All networks of all families. */
export const networks: readonly NetworkDescription[] = families.flatMap((family) => family.networks);

/** The network of that name; a UserError (misuse) with the nearest names for one that there is not. */
export function findNetwork(name: string): NetworkDescription {
  const found = networks.find((network) => network.name === name);
  if (found !== undefined) return found;
  const names = networks.map((network) => network.name);
  throw new UserError(`There is no network named '${name}'.${didYouMean(name, names)}`, { exitCode: 2 });
}
