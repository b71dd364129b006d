// Options that are lists: layers and units with commas between them.
import { InvalidArgumentError } from 'commander';

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
