// A test picture by picture: a table with one line for each, as CSV or JSON by the file's ending.
import { extname } from 'node:path';
import { UserError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { Answer } from './tally.ts';
import type { TestData } from './test-data.ts';

/** Refuses, before any work, a file that is neither. */
export function checkReport(path: string): void {
  if (['.csv', '.json'].includes(extname(path).toLowerCase())) return;
  throw new UserError(`${path}: expected a file that ends in .csv or .json.`, { exitCode: 2 });
}

/**
 * Writes the pictures in their order: file (or number in the data set), right class, its place among the answers
 * (1 is first) and its probability, then the five most probable classes with theirs.
 */
export function writePerPicture(
  path: string,
  answers: readonly Answer[],
  { source, classes }: Pick<TestData, 'source' | 'classes'>,
): void {
  checkReport(path);
  const rows = answers
    .toSorted((a, b) => a.index - b.index)
    .map(({ index, label, rank, probability, top }) => ({
      picture: source.name(index),
      class: classes[label] as string,
      place: rank + 1,
      probability,
      top: top.map((each) => ({ class: classes[each.class] as string, probability: each.probability })),
    }));
  if (extname(path).toLowerCase() === '.json') {
    writeFileAtomic(path, `${JSON.stringify(rows)}\n`);
    return;
  }
  const places = Array.from({ length: Math.min(5, classes.length) }, (_, i) => i + 1);
  const heading = [
    'picture',
    'class',
    'place',
    'probability',
    ...places.flatMap((i) => [`answer${i}`, `probability${i}`]),
  ];
  const lines = rows.map((row) => [
    row.picture,
    row.class,
    `${row.place}`,
    number(row.probability),
    ...row.top.flatMap((each) => [each.class, number(each.probability)]),
  ]);
  const text = [heading, ...lines].map((cells) => cells.map(quoted).join(',')).join('\r\n');
  writeFileAtomic(path, `${text}\r\n`);
}

function number(value: number): string {
  return value.toPrecision(6);
}

/** RFC 4180: cells with commas, quotes or line ends stand in quotes. */
function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
