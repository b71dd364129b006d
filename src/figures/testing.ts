// What the tests of figures share: a drawn PNG, and its colours by px of the figure.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { sharpness } from './svg.ts';

export type Picture = {
  /** In pixels of the PNG. */
  width: number;
  height: number;
  /** "#rrggbb" at a pixel of the PNG. */
  at(x: number, y: number): string;
  /** "#rrggbb" at a px of the figure. */
  atPx(x: number, y: number): string;
  /** Smallest box in pixels around all pixels of a colour, ends included; undefined without one. */
  boxOf(colour: string, inside?: Partial<Box>): Box | undefined;
  /** Smallest box around all that is not white. */
  inkIn(inside?: Partial<Box>): Box | undefined;
};

export type Box = { left: number; top: number; right: number; bottom: number };

/** A folder for the tests of one file, removed after them. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-figures-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

export async function readPicture(path: string): Promise<Picture> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const at = (x: number, y: number): string => {
    const start = (Math.round(y) * width + Math.round(x)) * channels;
    return `#${data.subarray(start, start + 3).toString('hex')}`;
  };
  const boxWhere = (inside: Partial<Box> = {}, matches: (value: number) => boolean): Box | undefined => {
    const { left = 0, top = 0, right = width - 1, bottom = height - 1 } = inside;
    const box = { left: width, top: height, right: -1, bottom: -1 };
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        if (!matches(data.readUIntBE((y * width + x) * channels, 3))) continue;
        box.left = Math.min(box.left, x);
        box.top = Math.min(box.top, y);
        box.right = Math.max(box.right, x);
        box.bottom = y;
      }
    }
    return box.right < 0 ? undefined : box;
  };
  return {
    width,
    height,
    at,
    atPx: (x, y) => at(x * sharpness, y * sharpness),
    boxOf(colour, inside) {
      const wanted = Number.parseInt(colour.slice(1), 16);
      return boxWhere(inside, (value) => value === wanted);
    },
    inkIn: (inside) => boxWhere(inside, (value) => value !== 0xffffff),
  };
}
