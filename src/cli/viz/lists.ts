// Options that several views share: lists of layers and units, positions, fills, scales of colours.
import { InvalidArgumentError, Option } from 'commander';
import type { Fill } from '../../explain/occlusion-fill.ts';
import { oneOf } from '../options.ts';

/** Names with commas between them, e.g. conv1,layer3.0. */
export function nameList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('Expected names with commas between them.');
}

/** Whole numbers from 0 on with commas between them, e.g. 3,17,40. */
export function unitList(text: string): number[] {
  const units = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (units.every((unit) => Number.isSafeInteger(unit) && unit >= 0)) return units;
  throw new InvalidArgumentError('Expected whole numbers from 0 on with commas between them.');
}

/** Row and column of a position, e.g. 3,5. */
function position(text: string): [number, number] {
  const [, y, x] = /^\s*(\d+)\s*,\s*(\d+)\s*$/.exec(text) ?? [];
  if (y !== undefined && x !== undefined) return [Number(y), Number(x)];
  throw new InvalidArgumentError('Expected the row and the column with a comma between them, e.g. 3,5.');
}

export function positionOption(): Option {
  return new Option('--position <y,x>', 'where in the map; default: where it is strongest').argParser(
    position,
  );
}

/** What a part of a picture is covered with. */
export function fillOption(): Option {
  return new Option('--fill <fill>', 'gray (byte 128), mean (of the data), black or blur')
    .argParser(oneOf<Fill>('gray', 'mean', 'black', 'blur'))
    .default('gray');
}

/** `what`: the things that have a scale of colours, in the plural. */
export function scaleOption(what: string): Option {
  return new Option('--scale <which>', `shared: one colour scale for all ${what}; own: one for each`)
    .argParser(oneOf('shared', 'own'))
    .default('shared');
}

/** Maps by their numbers; `description` where there is more to say. */
export function unitsOption(description = 'these maps instead, e.g. 3,17,40'): Option {
  return new Option('--units <list>', description).argParser(unitList);
}
