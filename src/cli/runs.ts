// `laurel runs [DIR]`: a table of run folders; `laurel runs diff A B`: what differs between two of them.
import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import type { RunRow } from '../run/runs.ts';
import type { RunsDiff } from '../run/runs-diff.ts';
import { oneOf } from './options.ts';
import { count, dim, duration, printResult, table } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

/** What a table can be sorted by: numbers the lowest first, words by the alphabet; what is not known comes last. */
const keys = {
  started: (row) => row.started,
  name: (row) => row.name,
  network: (row) => row.network,
  data: (row) => row.dataset,
  recipe: (row) => row.recipe,
  epochs: (row) => row.epochs,
  best: (row) => row.bestValidationTop1Error,
  last: (row) => row.lastValidationTop1Error,
  test: (row) => row.bestTestTop1Error ?? row.lastTestTop1Error,
  speed: (row) => row.imagesPerSecond,
  time: (row) => row.seconds,
  state: (row) => row.state,
} satisfies Record<string, (row: RunRow) => string | number | null>;

type Key = keyof typeof keys;

export function addRuns(program: Command): void {
  const runs = addVerb(
    program,
    'runs',
    'list the runs of a folder, or compare two of them',
    'laurel runs',
    'laurel runs experiments --sort test',
    'laurel runs diff runs/first runs/second --figure both.png',
  )
    .argument('[dir]', 'a folder of run folders; default: runs')
    .option(
      '--sort <key>',
      `${Object.keys(keys).join(', ')}; default: started`,
      oneOf(...(Object.keys(keys) as Key[])),
    )
    .option('--reverse', 'the other way round');
  addJson(runs).action(
    async (dir: string | undefined, options: { sort?: Key; reverse?: boolean; json?: boolean }) => {
      const { listRuns } = await import('../run/runs.ts');
      const { existsSync } = await import('node:fs');
      const folder = dir ?? 'runs';
      const found = dir === undefined && !existsSync(folder) ? [] : listRuns(folder);
      const sorted = sortRows(found, options.sort ?? 'started', options.reverse ?? false);
      printResult(options.json, { folder, runs: sorted }, () => describe(folder, sorted));
    },
  );
  const diff = addVerb(
    runs,
    'diff',
    'show what differs between two runs, and no more',
    'laurel runs diff runs/first runs/second',
    'laurel runs diff runs/first runs/second --figure both.png --json',
  )
    .argument('<a>', 'the folder of a run')
    .argument('<b>', 'the folder of another')
    .option('--figure <file>', 'the errors of both over the epochs, as .png or .svg');
  addJson(diff).action(async (a: string, b: string, _: object, command: Command) => {
    // `--json` is an option of `runs` too, which would keep it.
    const options = command.optsWithGlobals() as { figure?: string; json?: boolean };
    const { diffRuns, drawRunsDiff } = await import('../run/runs-diff.ts');
    for (const folder of [a, b]) await mustBeRun(folder);
    preparePlace(options.figure);
    const result = diffRuns(a, b);
    const names = shortNames(a, b);
    if (options.figure !== undefined) await drawRunsDiff(options.figure, result, names);
    printResult(options.json, { ...result, figure: options.figure ?? null }, () =>
      [describeDiff(result, names), ...(options.figure === undefined ? [] : ['', options.figure])].join('\n'),
    );
  });
}

async function mustBeRun(folder: string): Promise<void> {
  const { existsSync } = await import('node:fs');
  const { join } = await import('node:path');
  if (existsSync(join(folder, 'config.json'))) return;
  throw new UserError(
    `${folder} is no run folder: it has no config.json. \`laurel runs\` lists those that are.`,
    {
      exitCode: 2,
    },
  );
}

/** The ends of the paths, which tell two runs apart. */
function shortNames(a: string, b: string): [string, string] {
  const last = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1) ?? path;
  return last(a) === last(b) ? [a, b] : [last(a), last(b)];
}

function sortRows(rows: readonly RunRow[], key: Key, reverse: boolean): RunRow[] {
  const of: (row: RunRow) => string | number | null = keys[key];
  return rows.toSorted((left, right) => {
    const [a, b] = [of(left), of(right)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const order = typeof a === 'number' && typeof b === 'number' ? a - b : `${a}`.localeCompare(`${b}`);
    return reverse ? -order : order;
  });
}

function describe(folder: string, rows: readonly RunRow[]): string {
  if (rows.length === 0) return `No runs in ${folder}. \`laurel train\` makes them.`;
  const error = (value: number | null): string => (value === null ? '' : value.toFixed(2));
  const cells = rows.map((row) => [
    row.name,
    row.network ?? '',
    row.form ?? '',
    row.dataset ?? '',
    `${row.recipe ?? ''}${row.smoke ? ' (smoke)' : ''}`,
    row.epochsPlanned === null ? '' : `${row.epochs}/${row.epochsPlanned}`,
    error(row.bestValidationTop1Error),
    error(row.lastValidationTop1Error),
    error(row.bestTestTop1Error ?? row.lastTestTop1Error),
    speed(row.imagesPerSecond),
    row.seconds === null ? '' : duration(row.seconds),
    row.state,
  ]);
  const heading = [
    'run',
    'network',
    'form',
    'data',
    'recipe',
    'epochs',
    'best val %',
    'last val %',
    'test %',
    'images/s',
    'time',
    'state',
  ];
  const left = 'left' as const;
  const right = 'right' as const;
  const problems = rows.filter(({ problem }) => problem !== null);
  return [
    table(
      [heading, ...cells],
      [left, left, left, left, left, right, right, right, right, right, right, left],
    ),
    dim('\nTop-1 errors; the test is that of the best weights, where there were validation pictures.'),
    ...problems.map(({ name, problem }) => `${name}: ${problem}`),
  ].join('\n');
}

function speed(value: number | null): string {
  if (value === null) return '';
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

/** Rows of the table of epochs at most; the others are left out evenly. */
const mostEpochs = 12;

function describeDiff({ settings, results, epochs }: RunsDiff, [a, b]: readonly [string, string]): string {
  const value = (setting: unknown): string => {
    if (setting === undefined) return '-';
    if (Array.isArray(setting) && setting.length > 6) return `${setting.length} entries`;
    return typeof setting === 'string' ? setting : JSON.stringify(setting);
  };
  const parts: string[] = [];
  const rows = settings.map((each) => [each.setting, value(each.a), value(each.b)]);
  parts.push(rows.length === 0 ? 'The settings are the same.' : table([['setting', a, b], ...rows]));
  const told = results.filter((row) => row.a !== row.b);
  const number = (result: number | null): string =>
    result === null ? '' : `${Number(result.toPrecision(5))}`;
  const change = (row: { a: number | null; b: number | null }): string =>
    row.a === null || row.b === null ? '' : signed(row.b - row.a);
  if (told.length > 0) {
    const cells = told.map((row) => [row.result, number(row.a), number(row.b), change(row)]);
    parts.push(table([['result', a, b, 'change'], ...cells], ['left', 'right', 'right', 'right']));
  } else {
    parts.push('The results are the same.');
  }
  const shown = thin(epochs);
  if (shown.length > 0) {
    const error = (errors: RunsDiff['epochs'][number]['a']): string[] => [
      errors === null ? '' : errors.trainTop1Error.toFixed(2),
      errors?.validationTop1Error == null ? '' : errors.validationTop1Error.toFixed(2),
    ];
    const cells = shown.map((pair) => {
      const [left, right] = [pair.a?.validationTop1Error, pair.b?.validationTop1Error];
      return [
        `${pair.epoch}`,
        ...error(pair.a),
        ...error(pair.b),
        change({ a: left ?? null, b: right ?? null }),
      ];
    });
    const heading = ['epoch', `${a} train %`, 'val %', `${b} train %`, 'val %', 'change'];
    parts.push(table([heading, ...cells], Array(6).fill('right')));
    if (shown.length < epochs.length)
      parts[parts.length - 1] += `\n${dim(`${shown.length} of ${epochs.length} epochs; --json has all.`)}`;
  }
  return parts.join('\n\n');
}

function signed(value: number): string {
  const text = `${Number(value.toPrecision(3))}`;
  return value > 0 ? `+${text}` : text;
}

function thin<T>(items: readonly T[]): readonly T[] {
  if (items.length <= mostEpochs) return items;
  return Array.from(
    { length: mostEpochs },
    (_, i) => items[Math.round((i * (items.length - 1)) / (mostEpochs - 1))] as T,
  );
}
