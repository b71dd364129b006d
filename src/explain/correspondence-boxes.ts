// The file that says where parts lie in pictures, for table 1 of Zeiler & Fergus 2014:
//   { "pictures": [ { "image": "dog.jpg", "parts": { "nose": { "left": 210, "top": 155, "width": 60, "height": 45 } } } ] }
// Files are relative to it; boxes are in px of the picture as it is (upright), and become px of the network's input by
// the way the picture is prepared. Every picture has a box for every part.
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileSize, scaledSize } from '../data/raster.ts';
import type { Size } from '../data/resample.ts';
import { UserError } from '../errors.ts';
import { windowsOf } from '../evaluate/crops.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { protocolFor } from '../evaluate/protocol.ts';
import { scalingFor } from '../evaluate/views.ts';
import { reason } from '../files.ts';
import type { Box } from './layer.ts';

export interface PictureBoxes {
  /** The picture's file. */
  readonly file: string;
  /** In the order of the parts, px of the picture. */
  readonly boxes: readonly Box[];
}

export interface PartBoxes {
  readonly parts: readonly string[];
  readonly pictures: readonly PictureBoxes[];
}

/** Reads and checks the file. Throws a UserError that names the picture and the part. */
export function readBoxes(path: string): PartBoxes {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`Cannot read boxes from ${path}: ${reason(error)}.`, { exitCode: 2, cause: error });
  }
  const listed = isRecord(content) ? content.pictures : undefined;
  if (!Array.isArray(listed) || listed.length < 2) {
    throw new UserError(
      `${path} lists ${Array.isArray(listed) ? listed.length : 'no'} pictures, expected { "pictures": [...] } with at ` +
        'least two: correspondence is between pictures.',
      { exitCode: 2 },
    );
  }
  const first: unknown = listed[0];
  const parts = isRecord(first) && isRecord(first.parts) ? Object.keys(first.parts) : [];
  if (parts.length === 0) {
    throw new UserError(
      `${path}: the first picture has no parts, expected "parts": { "nose": { "left", "top", "width", "height" } }.`,
      { exitCode: 2 },
    );
  }
  const folder = dirname(path);
  return { parts, pictures: listed.map((entry, i) => pictureBoxes(path, folder, entry, i, parts)) };
}

function pictureBoxes(
  path: string,
  folder: string,
  entry: unknown,
  index: number,
  parts: readonly string[],
): PictureBoxes {
  const { image, parts: own } = isRecord(entry) ? entry : {};
  if (typeof image !== 'string' || !isRecord(own)) {
    throw new UserError(`${path}: picture ${index + 1} lacks "image" (a file's name) or "parts".`, {
      exitCode: 2,
    });
  }
  const extra = Object.keys(own).find((part) => !parts.includes(part));
  if (extra !== undefined) {
    throw new UserError(`${path}: ${image} has the part '${extra}', which the first picture lacks.`, {
      exitCode: 2,
    });
  }
  const boxes = parts.map((part): Box => {
    const box = own[part];
    if (!isRecord(box)) {
      throw new UserError(`${path}: ${image} has no box for '${part}', which the first picture has.`, {
        exitCode: 2,
      });
    }
    const [left, top, width, height] = ['left', 'top', 'width', 'height'].map((key) => box[key]);
    const isSide = (value: unknown, least: number): value is number =>
      typeof value === 'number' && Number.isFinite(value) && value >= least;
    if (!isSide(width, 1) || !isSide(height, 1) || typeof left !== 'number' || typeof top !== 'number') {
      throw new UserError(
        `${path}: the box of '${part}' in ${image} is ${JSON.stringify(box)}, expected "left", "top", "width" and ` +
          '"height" in px, the sides at least 1.',
        { exitCode: 2 },
      );
    }
    return { top, left, bottom: top + height, right: left + width };
  });
  return { file: isAbsolute(image) ? image : join(folder, image), boxes };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The boxes in px of the network's input, picture by picture. Throws a UserError, with the picture and the part, for a
 * box that reaches out of its picture, or of the part of it that the network sees.
 */
export async function boxesInInput(
  { parts, pictures }: PartBoxes,
  preprocessing: Preprocessing,
): Promise<Box[][]> {
  return Promise.all(
    pictures.map(async ({ file, boxes }) => {
      const size = await fileSize(file);
      return boxes.map((box, i) => boxInInput(box, size, preprocessing, `'${parts[i]}' in ${file}`));
    }),
  );
}

/** One box; `what` names it in errors. */
export function boxInInput(box: Box, size: Size, preprocessing: Preprocessing, what: string): Box {
  const text = `rows ${box.top} to ${box.bottom}, columns ${box.left} to ${box.right}`;
  if (box.top < 0 || box.left < 0 || box.bottom > size.height || box.right > size.width) {
    throw new UserError(
      `The box of ${what} lies outside the picture: ${text}, the picture has ${size.height}x${size.width} px.`,
      { exitCode: 2 },
    );
  }
  const protocol = protocolFor({ crops: '1' }, preprocessing);
  const scaled = scaledSize(size, scalingFor(protocol, preprocessing, protocol.scales[0]));
  const [window] = windowsOf('1', scaled, protocol.crop);
  if (window === undefined) throw new Error('The protocol has no window.');
  const { pad, height, width } = preprocessing;
  const [down, across] = [scaled.height / size.height, scaled.width / size.width];
  const part = {
    top: Math.round(box.top * down) - window.top,
    left: Math.round(box.left * across) - window.left,
    bottom: Math.round(box.bottom * down) - window.top,
    right: Math.round(box.right * across) - window.left,
  };
  if (part.top < 0 || part.left < 0 || part.bottom > height || part.right > width) {
    const seen = {
      top: Math.round(window.top / down),
      left: Math.round(window.left / across),
      bottom: Math.round((window.top + window.height) / down),
      right: Math.round((window.left + window.width) / across),
    };
    throw new UserError(
      `The box of ${what} lies outside the part of the picture that the network sees: ${text}; it sees rows ` +
        `${seen.top} to ${seen.bottom}, columns ${seen.left} to ${seen.right}. Crop the picture or choose another.`,
      { exitCode: 2 },
    );
  }
  return {
    top: part.top + pad,
    left: part.left + pad,
    // A box of a few px may shrink to nothing.
    bottom: Math.max(part.bottom, part.top + 1) + pad,
    right: Math.max(part.right, part.left + 1) + pad,
  };
}
