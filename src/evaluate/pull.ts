// Published weights, fetched once and kept as safetensors that say what they are: the network, the classes, and how
// pictures are prepared.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DownloadOptions, download } from '../data/download.ts';
import { cacheFolder } from '../data/homes.ts';
import { UserError } from '../errors.ts';
import { findNetwork } from '../nets/index.ts';
import { fitWeights } from '../weights/adapt.ts';
import { type PublishedWeights, publishedWeights } from '../weights/published.ts';
import { readWeights } from '../weights/read.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { imagenetInfo } from './imagenet-info.ts';
import { encodeModelInfo } from './preprocessing.ts';

export interface PullOptions
  extends Pick<DownloadOptions, 'onProgress' | 'signal' | 'retries' | 'retryDelayMs'> {
  /** Where the weights go; default: `NET.safetensors` in the user's cache folder. */
  readonly out?: string;
  /** A mirror's address that the official file's name is put behind; default: the official address. */
  readonly home?: string;
  readonly onNote?: (message: string) => void;
}

export interface Pulled {
  readonly network: string;
  readonly path: string;
  /** False when the file was there already. */
  readonly fetched: boolean;
  readonly source: string;
  readonly url: string;
  /** Weights and running statistics; undefined when the file was there already. */
  readonly parameters: number | undefined;
}

/** The user's cache folder for weights. */
export function weightsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(dirname(cacheFolder(environment)), 'weights');
}

/** The published weights of a network. Throws a UserError that names those that there are. */
export function findPublished(network: string): PublishedWeights {
  findNetwork(network);
  const found = publishedWeights.find((weights) => weights.network === network);
  if (found !== undefined) return found;
  throw new UserError(
    `No published weights of ${network} are known. \`laurel pull\` without a name lists those that there are.`,
    { exitCode: 2 },
  );
}

/**
 * Fetches a network's published weights, verifies them, and writes them as safetensors. What is there already is not
 * fetched again; an interrupted download is resumed. Fails with a UserError.
 */
export async function pullWeights(network: string, options: PullOptions = {}): Promise<Pulled> {
  const published = findPublished(network);
  const { home, onNote, out, ...rest } = options;
  const path = out ?? join(weightsFolder(), `${network}.safetensors`);
  const url = home === undefined ? published.url : `${home.replace(/\/$/, '')}/${published.file}`;
  const about = { network, path, source: published.source, url };
  if (existsSync(path)) return { ...about, fetched: false, parameters: undefined };

  const original = join(dirname(path), published.file);
  await download(url, original, { ...rest, sha256Prefix: published.sha256Prefix });
  const description = findNetwork(network);
  const { file, notes } = fitWeights(
    readWeights(original),
    description,
    { form: published.form, options: published.options },
    original,
  );
  for (const note of notes) onNote?.(note);
  const metadata = {
    ...encodeModelInfo(imagenetInfo(published)),
    source: `${published.source}; ${published.url}`,
  };
  writeSafetensors(path, file.tensors, metadata);
  await rm(original);
  const parameters = file.tensors.values().reduce((sum, { data }) => sum + data.length, 0);
  return { ...about, fetched: true, parameters };
}
