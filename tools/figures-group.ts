// What the figures of the docs are made of: groups of files that one piece of work makes, and how a picture that a command
// has left becomes one of them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeFileAtomic } from '../src/files.ts';
import { root } from './figures-data.ts';

export interface FigureGroup {
  /** What `npm run figures -- NAME` calls it. */
  readonly name: string;
  /** In docs/figures. */
  readonly files: readonly string[];
  /** Files without which it cannot be made; its figures stay as they are then. */
  readonly needs?: readonly string[];
  make(): Promise<void>;
}

export const figuresFolder = join(root, 'docs/figures');

/** Runs the command line. */
export function laurel(...args: string[]): void {
  execFileSync(process.execPath, [join(root, 'bin/laurel.mjs'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Runs `work` with a folder that is gone afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-figures-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a picture into docs/figures, at most `width` px wide, with few colours; an animation stays one. */
export async function keep(path: string, file: string, width?: number): Promise<void> {
  const animated = file.endsWith('.webp');
  let picture = sharp(path, { animated, limitInputPixels: false });
  if (width !== undefined) picture = picture.resize({ width, withoutEnlargement: true });
  const encoded = animated ? picture.webp() : picture.png({ palette: true, effort: 10 });
  writeFileAtomic(join(figuresFolder, file), await encoded.toBuffer());
  console.log(`wrote docs/figures/${file}`);
}
