// Getting a known data set from its official home into the data folder, and the sentence that tells how to do it by
// hand where that does not work.
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder, reason } from '../files.ts';
import { type DownloadOptions, download } from './download.ts';
import { datasetSearchPaths, downloadFolder, isFile } from './homes.ts';
import type { KnownDataset, OfficialFile } from './known.ts';
import { extractTarGz } from './tar.ts';

export interface ObtainProgress {
  /** The file that is being fetched. */
  readonly file: string;
  /** Bytes so far, and in all where the server says it. */
  readonly received: number;
  readonly total: number | undefined;
}

export interface ObtainOptions extends Pick<DownloadOptions, 'signal' | 'retries' | 'retryDelayMs'> {
  readonly onProgress?: (progress: ObtainProgress) => void;
}

/** Downloads, verifies and unpacks `known` into `folder`; what is there already is not fetched again. */
export async function obtain(
  known: KnownDataset,
  folder: string,
  options: ObtainOptions = {},
): Promise<void> {
  for (const official of known.downloads) {
    const archive = official.file.endsWith('.tar.gz');
    const wanted = archive ? [...known.files.train, ...known.files.test] : [official.file];
    if (wanted.every((file) => isFile(join(folder, file)))) continue;
    await fetchOfficial(known, official, folder, options);
    if (archive) await unpack(join(folder, official.file), wanted, folder);
  }
}

/** Tries one home after the other; the first failure is the one reported. */
async function fetchOfficial(
  known: KnownDataset,
  official: OfficialFile,
  folder: string,
  options: ObtainOptions,
): Promise<void> {
  const { onProgress, ...rest } = options;
  const destination = join(folder, official.file);
  if (isFile(destination)) return;
  let first: unknown;
  for (const home of known.homes) {
    try {
      return await download(home + official.file, destination, {
        ...rest,
        md5: official.md5,
        onProgress: (progress) => onProgress?.({ file: official.file, ...progress }),
      });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** Unpacks beside the folder's files, then moves each into place: no half-written file has an official name. */
async function unpack(archive: string, wanted: readonly string[], folder: string): Promise<void> {
  const temporary = await mkdtemp(join(folder, 'unpack-')).catch((error) => {
    throw new UserError(`Cannot write ${folder}: ${reason(error)}`, { cause: error });
  });
  try {
    await extractTarGz(archive, wanted, temporary);
    for (const file of wanted) await rename(join(temporary, file), join(folder, file));
    await rm(archive);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What to put where, for a data set that is not on this machine. `cause` says why it was not downloaded. */
export function missingMessage(known: KnownDataset, cause: string, environment = process.env): string {
  const folder = downloadFolder(known.name, environment);
  const addresses = known.downloads.map(({ file }) => `  ${known.homes[0]}${file}`).join('\n');
  const unpacked = [...known.files.train, ...known.files.test].join(', ');
  const packed = known.downloads.some(({ file }) => file.endsWith('.tar.gz'));
  return [
    `${known.title} is not on this machine (looked in ${datasetSearchPaths(known.name, environment).join(', ')}). ${cause}`,
    ...(known.debianPackage === undefined || process.platform !== 'linux'
      ? []
      : [`On Debian: sudo apt install ${known.debianPackage}`]),
    `By hand: get the files below${packed ? `, unpack ${unpacked}` : ''} and put them into ${folder} ` +
      '(or name their folder with --data or LAUREL_DATA):',
    addresses,
  ].join('\n');
}

/** The folder of a fresh download. Throws, with what to do instead, when it cannot be had. */
export async function obtainOrExplain(
  known: KnownDataset,
  options: ObtainOptions & { download?: boolean },
): Promise<string> {
  const { download: allowed = true, ...rest } = options;
  if (!allowed) throw new UserError(missingMessage(known, 'Downloading was not asked for.'));
  const folder = downloadFolder(known.name);
  try {
    makeFolder(folder);
    await obtain(known, folder, rest);
    return folder;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(missingMessage(known, error.message), { cause: error });
  }
}
