// The files of a report while it is being made. Pages that are opened from a folder may not fetch, so data that the
// page shows are scripts that hand themselves over (`laurel.put(name, value)`), and data to take away are .npy files.
// All of it is written into a folder beside the report's place and renamed when it is whole.
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { makeFolder, reason } from '../files.ts';
import { writeNpy } from '../weights/npy.ts';

/** What makes a folder known as a report, which another report may take the place of. */
export const reportMark = '<meta name="generator" content="laurel report">';

export interface Site {
  /** Hands `value` to the page under `name`, when the page loads it. */
  put(name: string, value: unknown): void;
  /** Writes an array and gives its address from the page. */
  array(name: string, shape: readonly number[], data: Float32Array): string;
  text(name: string, content: string): void;
  /** Takes a file over under `name` with its own ending, and gives its address from the page. */
  file(from: string, name: string): string;
  /** Puts the site in its place. */
  finish(): void;
  /** Takes everything away that was not finished. */
  discard(): void;
}

/** Throws a UserError where something is that is no report. */
export function checkPlace(out: string): void {
  const place = resolve(out);
  makeFolder(dirname(place));
  if (!existsSync(place)) return;
  try {
    if (readdirSync(place).length === 0) return;
    if (readFileSync(join(place, 'index.html'), 'utf8').includes(reportMark)) return;
  } catch {}
  throw new UserError(`${out} is there and is no report. Name another folder with --out.`, { exitCode: 2 });
}

export function openSite(out: string): Site {
  checkPlace(out);
  const place = resolve(out);
  const folder = join(dirname(place), `.${basename(place)}.${process.pid}.part`);
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  const text = (name: string, content: string): void => {
    const path = join(folder, name);
    makeFolder(dirname(path));
    writing(path, () => writeFileSync(path, content));
  };
  return {
    text,
    put: (name, value) =>
      text(`data/${name}.js`, `laurel.put(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`),
    array(name, shape, data) {
      const path = `data/${name}.npy`;
      writeNpy(join(folder, path), shape, data);
      return path;
    },
    file(from, name) {
      const path = `data/${name}${extname(from)}`;
      makeFolder(dirname(join(folder, path)));
      writing(from, () => copyFileSync(from, join(folder, path)));
      return path;
    },
    finish() {
      const old = `${folder}.old`;
      writing(out, () => {
        if (existsSync(place)) renameSync(place, old);
        renameSync(folder, place);
      });
      rmSync(old, { recursive: true, force: true });
    },
    discard: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}

export interface Bytes {
  /** Interleaved, height x width x channels. */
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels?: 3 | 4;
}

/** Pictures of fewer px are stored as they are; larger photographs lose what no eye sees. */
const smallPx = 64;

/** A picture as an address that holds it. `exact`: every byte is kept, as a figure's must be. */
export async function dataAddress(
  { bytes, height, width, channels = 3 }: Bytes,
  { exact = true }: { readonly exact?: boolean } = {},
): Promise<string> {
  const lossless = exact || Math.max(height, width) <= smallPx;
  const file = await sharp(bytes, { raw: { width, height, channels } })
    .webp(lossless ? { lossless, effort: 2 } : { quality: 88, effort: 3 })
    .toBuffer();
  return `data:image/webp;base64,${file.toString('base64')}`;
}
