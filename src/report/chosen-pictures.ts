// Which pictures a report looks at by themselves: files, or some of the data set.
import { existsSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { fileSource, type PictureSource } from '../evaluate/sources.ts';
import type { OpenedScan } from '../explain/scan-open.ts';

export interface Chosen {
  readonly source: PictureSource;
  readonly indices: readonly number[];
  readonly names: readonly string[];
  readonly labels: readonly (string | null)[];
  /** The class that is right, where the data set says it. */
  readonly truths: readonly (number | undefined)[];
}

const usualPictures = 3;

/**
 * Files, or numbers of the data set's pictures, but not both at once; three of the data set by default. Throws a
 * UserError for one that is not there.
 */
export function chosenPictures(
  wanted: readonly string[] | undefined,
  { data, labels }: Pick<OpenedScan, 'data' | 'labels'>,
): Chosen {
  const { source } = data;
  const fromData = (indices: readonly number[]): Chosen => ({
    source,
    indices,
    names: indices.map((index) => source.name(index)),
    labels: indices.map((index) => labels[index]?.split(',')[0] ?? null),
    truths: indices.map((index) => data.labels[index]),
  });
  if (wanted === undefined) {
    const count = Math.min(usualPictures, source.length);
    return fromData(Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * source.length) / count)));
  }
  if (wanted.every((each) => /^\d+$/.test(each))) {
    const missing = wanted.find((each) => Number(each) >= source.length);
    if (missing === undefined) return fromData(wanted.map(Number));
    throw new UserError(
      `${data.name} has no picture ${missing}; its ${source.length} pictures are 0 to ${source.length - 1}.`,
      { exitCode: 2 },
    );
  }
  const missing = wanted.find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new UserError(
      `There is no picture ${missing}. Give files, or numbers of the data set's pictures alone.`,
      { exitCode: 2 },
    );
  }
  const indices = wanted.map((_, i) => i);
  return {
    source: fileSource(wanted),
    indices,
    names: wanted,
    labels: wanted.map(() => null),
    truths: wanted.map(() => undefined),
  };
}
