// What a scan depends on, as a key: the same weights, pictures, preparation and layer give the same scan, and nothing
// else does. Weights and pictures in memory count by their bytes, picture files by name, size and time of change.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import type { ComputeType } from '../engines/engine.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import type { Network } from '../nets/network.ts';

export interface ScanKey {
  readonly network: string;
  readonly form: string;
  readonly options: Network['options'];
  /** SHA-256 of names and values. */
  readonly weights: string;
  /** SHA-256 of the pictures' identity. */
  readonly data: string;
  readonly preprocessing: Preprocessing;
  readonly dtype: ComputeType;
  readonly layer: string;
  /** Places per unit. */
  readonly size: number;
}

/** SHA-256 of tensors, whatever their order. */
export function weightsChecksum(tensors: ReadonlyMap<string, Float32Array>): string {
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].sort()) {
    const { buffer, byteOffset, byteLength } = tensors.get(name) as Float32Array;
    hash.update(`${name}\0${byteLength}\0`).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/** SHA-256 that tells apart what pictures a scan goes through, and in which order. */
export function dataChecksum(source: PictureSource, dataset?: Dataset): string {
  const hash = createHash('sha256');
  if (dataset !== undefined) {
    const { name, split, channels, height, width, pixels } = dataset;
    hash.update(JSON.stringify([name, split, channels, height, width, source.length]));
    hash.update(pixels);
  }
  for (let index = 0; index < source.length; index++) {
    const name = source.name(index);
    if (dataset !== undefined) {
      hash.update(`${name}\0`);
      continue;
    }
    // A member of an archive is as old as the archive: `FILE:member`.
    const stat =
      statSync(name, { throwIfNoEntry: false }) ??
      statSync(name.slice(0, name.lastIndexOf(':')), { throwIfNoEntry: false });
    // The folder that a data set lies in may be another one tomorrow.
    const place = join(basename(dirname(name)), basename(name));
    hash.update(JSON.stringify([place, stat?.size, stat?.mtimeMs]));
  }
  return hash.digest('hex');
}

/** The key as text that is the same for equal keys. */
export function keyText(key: object): string {
  return JSON.stringify(sorted(key));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]),
  );
}

/** A file name for a key: readable at its start, unmistakable at its end. */
export function keyFileName(key: Pick<ScanKey, 'network' | 'layer'>): string {
  const digest = createHash('sha256').update(keyText(key)).digest('hex').slice(0, 16);
  return `${key.network}-${key.layer.replace(/[^\w.-]/g, '_')}-${digest}.json`;
}
