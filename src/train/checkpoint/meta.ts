// The small JSON files that make a set of tensor files a checkpoint: `last.json`, `previous.json` and `best.json`.
// They hold sizes and checksums of the tensor files, and a checksum of themselves.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '../../errors.ts';
import { reason, writeFileAtomic } from '../../files.ts';
import type { TrainingPosition } from './save.ts';

export type CheckpointName = 'last' | 'previous' | 'best';

export interface StoredFile {
  readonly file: string;
  readonly bytes: number;
  readonly crc32: string;
}

export interface CheckpointMeta {
  readonly format: 'laurel-checkpoint-1';
  readonly position: TrainingPosition;
  readonly seed: number;
  /** Weights and running statistics, under their own names. */
  readonly weights: StoredFile;
  /** Momentum and what else a training keeps; absent from `best`. */
  readonly optimizer?: StoredFile;
  /** The best checkpoint at that time, null before the first; absent from `best` itself and in older folders. */
  readonly best?: CheckpointMeta | null;
  /** Of everything above, as JSON; absent in older folders. */
  readonly crc32?: string;
}

export function checksum(bytes: Uint8Array | string): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

export function writeMeta(folder: string, name: CheckpointName, meta: CheckpointMeta): void {
  const { crc32: _, ...content } = meta;
  const sealed: CheckpointMeta = { ...content, crc32: checksum(JSON.stringify(content)) };
  writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(sealed, null, 2)}\n`);
}

/** What a description turned out to be; `damage` follows the file's path in a sentence. */
export type Inspection = { readonly meta: CheckpointMeta } | { readonly damage: string } | undefined;

/**
 * Looks at the description of a checkpoint; undefined when there is none. Throws a UserError when it cannot be read
 * or is of another version.
 */
export function inspectMeta(folder: string, name: CheckpointName): Inspection {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
  }
  let meta: CheckpointMeta;
  try {
    meta = JSON.parse(text);
  } catch {
    return { damage: 'is damaged: it is not JSON' };
  }
  const { crc32: sum, ...content } = meta ?? {};
  const wrong = sum === undefined ? 'best' in content : sum !== checksum(JSON.stringify(content));
  if (wrong) return { damage: 'is damaged: its checksum differs from the one stored in it' };
  if (meta?.format === 'laurel-checkpoint-1') return { meta };
  throw new UserError(
    `${path} is not a checkpoint of this version of Laurel. Start a run in another folder.`,
  );
}

/** The description of a checkpoint; undefined when there is none. Throws a UserError when it is damaged. */
export function readMeta(folder: string, name: CheckpointName): CheckpointMeta | undefined {
  const found = inspectMeta(folder, name);
  if (found === undefined || 'meta' in found) return found?.meta;
  throw new UserError(`${join(folder, `${name}.json`)} ${found.damage}.`);
}

/** The path of a checkpoint's weights, or undefined when there is no such checkpoint. */
export function checkpointWeights(folder: string, name: CheckpointName): string | undefined {
  const meta = readMeta(folder, name);
  return meta === undefined ? undefined : join(folder, meta.weights.file);
}

export function describeFile(folder: string, file: string): StoredFile {
  const bytes = readFileSync(join(folder, file));
  return { file, bytes: bytes.length, crc32: checksum(bytes) };
}

/** What is wrong with a tensor file, as the end of a sentence that begins with its path; undefined when it is whole. */
export function damageOf(folder: string, stored: StoredFile): string | undefined {
  const path = join(folder, stored.file);
  try {
    const { size } = statSync(path);
    if (size !== stored.bytes) return `has ${size} bytes, expected ${stored.bytes}`;
    if (checksum(readFileSync(path)) === stored.crc32) return undefined;
    return 'is damaged: its checksum differs from the one stored with it';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'is missing';
    return `cannot be read: ${(error as Error).message}`;
  }
}
