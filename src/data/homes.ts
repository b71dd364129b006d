// Where a data set may lie on this machine: $LAUREL_DATA, the user's cache folder, the system's folder.
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Split } from './dataset.ts';
import { type KnownDataset, knownDatasets } from './known.ts';

/** The user's cache folder for data, as the system has it. */
export function cacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'laurel', 'data');
  if (platform === 'win32') {
    return join(environment.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'laurel', 'data');
  }
  return join(environment.XDG_CACHE_HOME || join(home, '.cache'), 'laurel', 'data');
}

/** Folders in which the data set called `name` is looked for, first one first. */
export function datasetSearchPaths(name: string, environment: NodeJS.ProcessEnv = process.env): string[] {
  const own = environment.LAUREL_DATA;
  return [
    ...(own ? [join(own, name), own] : []),
    join(cacheFolder(environment), name),
    ...(process.platform === 'win32' ? [] : [join('/usr/share/datasets', name)]),
  ];
}

/** The folder that a download of the data set called `name` goes to. */
export function downloadFolder(name: string, environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.LAUREL_DATA || cacheFolder(environment), name);
}

/** The data set's file called `name` in `folder` (idx files may be gzipped); undefined when it is not there. */
export function existingFile(
  folder: string,
  name: string,
  format: KnownDataset['format'],
): string | undefined {
  const names = format === 'idx' ? [name, `${name}.gz`] : [name];
  return names.map((candidate) => join(folder, candidate)).find(isFile);
}

/** The folder at or below `folder` that holds all files of `split` (of both, without `split`). */
export function folderWithFiles(folder: string, known: KnownDataset, split?: Split): string | undefined {
  const wanted = split === undefined ? [...known.files.train, ...known.files.test] : known.files[split];
  return ['', ...known.folders]
    .map((below) => join(folder, below))
    .find((candidate) => wanted.every((file) => existingFile(candidate, file, known.format) !== undefined));
}

/** Where the known data set called `name` is on this machine: with `split`, or with both. */
export function findDataset(
  name: string,
  split?: Split,
  environment: NodeJS.ProcessEnv = process.env,
): { path: string } | undefined {
  const known = knownDatasets.find((candidate) => candidate.name === name);
  if (known === undefined) return undefined;
  for (const folder of datasetSearchPaths(name, environment)) {
    const path = folderWithFiles(folder, known, split);
    if (path !== undefined) return { path };
  }
  return undefined;
}

/** True when `path` is a file. */
export function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

/** True when `path` is a folder. */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
