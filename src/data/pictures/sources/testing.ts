// What the tests of this folder share: trees of small files, archives by the system's own tar, and an index told as
// pairs of name and class.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { nameAt, type PictureIndex } from '../picture-index.ts';
import type { IndexCache } from './index-file.ts';

/** A folder that is removed after the tests of a file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-pictures-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files, whose content is their own path unless it is given. */
export function writeTree(
  root: string,
  files: readonly string[] | Record<string, string | Uint8Array>,
): string {
  const entries = Array.isArray(files)
    ? files.map((file) => [file, file] as const)
    : Object.entries(files as Record<string, string | Uint8Array>);
  for (const [file, content] of entries) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  return root;
}

/** An archive of files with this content, in their order. */
export function writeTar(
  path: string,
  files: Record<string, string | Uint8Array>,
  ...flags: readonly string[]
): void {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-tar-'));
  try {
    writeTree(folder, files);
    mkdirSync(dirname(path), { recursive: true });
    execFileSync('tar', [...flags, '-cf', path, '-C', folder, ...Object.keys(files)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `name: class` of every picture. */
export function told(index: PictureIndex | undefined): string[] | undefined {
  return (
    index && Array.from(index.labels, (label, i) => `${nameAt(index.store, i)}: ${index.classes[label]}`)
  );
}

/** A cache that keeps every index, however small and young. */
export function eagerCache(folder: string): IndexCache {
  return { folder, leastPictures: 0, settleMs: -1000 };
}

/** No cache. */
export const noCache: IndexCache = {
  folder: '/nowhere',
  leastPictures: Number.POSITIVE_INFINITY,
  settleMs: 0,
};

export function picture(colour: string, width = 40, height = 30): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: colour } })
    .jpeg()
    .toBuffer();
}
