// Ratios of the tables against stored ones. Times tell one machine from another; a ratio between two contenders that
// took turns on one machine tells whether one of them became slower. The tables are the record: a cell like `1.41x` is a
// ratio, named by its row and its column.
import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../src/files.ts';
import { paragraphs, table } from './part.ts';

export interface Ratio {
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

/** Ratios by part and by name. */
export type Ratios = Readonly<Record<string, Readonly<Record<string, Ratio>>>>;

/** Ratios of each part, and the machine on which they were measured. */
export type StoredRatios = Readonly<
  Record<string, { readonly machine: string; readonly ratios: Ratios[string] }>
>;

/** How much worse a ratio may be than the stored one. */
export const tolerance = 0.15;

const isRatio = /^(\d+(?:\.\d+)?)x$/;
/** Columns that hold times or memory; in all others more is better. */
const lessIsBetter = /^(time|times|memory)\b|^against the fewest$/;

/** All ratios in the Markdown tables of a part. What versions and threads stand in parentheses is not part of a name. */
export function ratiosOf(markdown: string): Record<string, Ratio> {
  const found: Record<string, Ratio> = {};
  let heading: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      heading = undefined;
      continue;
    }
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (heading === undefined) {
      heading = cells;
      continue;
    }
    const [first = '', second = ''] = cells;
    const who = (/^[a-z]/i.test(second) ? [first, second] : [first]).map((cell) =>
      cell.replace(/ \([^)]*\)$/, '').replaceAll('`', ''),
    );
    cells.forEach((cell, column) => {
      const value = isRatio.exec(cell)?.[1];
      if (value === undefined) return;
      const title = heading?.[column] ?? '';
      const name = `${who.join(', ')}: ${title}`;
      found[name] = { value: Number(value), better: lessIsBetter.test(title) ? 'lower' : 'higher' };
    });
  }
  return found;
}

export interface Comparison {
  /** A Markdown table, and a sentence for each part that was stored on another machine. */
  readonly text: string;
  /** Ratios that are worse than the stored ones by more than the tolerance, and stored ones that are gone. */
  readonly failures: readonly string[];
}

/** Holds the ratios of the parts that were measured against the stored ones of the same parts. */
export function compareRatios(measured: Ratios, stored: StoredRatios, machine: string): Comparison {
  const rows: string[][] = [];
  const elsewhere: string[] = [];
  const failures: string[] = [];
  for (const [part, ratios] of Object.entries(measured)) {
    const { ratios: before = {}, machine: where = machine } = stored[part] ?? {};
    if (where !== machine)
      elsewhere.push(`${part}: stored on another machine, ${where}; this one is ${machine}.`);
    for (const [name, { value, better }] of Object.entries(ratios)) {
      const old = before[name];
      if (old === undefined) {
        rows.push([part, name, '', `${value}x`, '', 'not stored']);
        continue;
      }
      const change = better === 'higher' ? value / old.value - 1 : old.value / value - 1;
      const isWorse = change < -tolerance;
      const percent = `${change >= 0 ? '+' : ''}${(100 * change).toFixed(1)} %`;
      rows.push([part, name, `${old.value}x`, `${value}x`, percent, isWorse ? 'WORSE' : '']);
      if (isWorse)
        failures.push(
          `${part}: '${name}' is ${value}x, which is ${(-100 * change).toFixed(1)} % worse than the stored ${old.value}x.`,
        );
    }
    for (const name of Object.keys(before)) {
      if (name in ratios) continue;
      rows.push([part, name, `${before[name]?.value}x`, '', '', 'MISSING']);
      failures.push(`${part}: '${name}' is missing; it is stored as ${before[name]?.value}x.`);
    }
  }
  const heading = ['part', 'ratio', 'stored', 'measured', 'gain', ''];
  return { text: paragraphs(table(heading, rows), elsewhere.join('\n')), failures };
}

/** Reads stored ratios; throws an Error that says what is wrong with the file. */
export function readRatios(path: string): StoredRatios {
  let stored: unknown;
  try {
    stored = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`Cannot read stored ratios from ${path}: ${(error as Error).message}`);
  }
  const { parts } = (stored ?? {}) as { parts?: StoredRatios };
  if (typeof parts !== 'object' || parts === null)
    throw new Error(`${path} holds no ratios; \`npm run bench -- --save ${path}\` writes such a file.`);
  return parts;
}

/** Writes the ratios of the measured parts; those of other parts in the file stay. `machine` says where they were measured. */
export function saveRatios(path: string, measured: Ratios, before: StoredRatios, machine: string): void {
  const added = Object.entries(measured).map(([part, ratios]) => [part, { machine, ratios }] as const);
  const parts: StoredRatios = { ...before, ...Object.fromEntries(added) };
  writeFileAtomic(path, `${JSON.stringify({ parts }, null, 2)}\n`);
}
