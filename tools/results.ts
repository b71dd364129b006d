// `npm run results`: trains what docs/results.md shows, one run after another, and goes on where it was stopped. Runs lie
// in runs/results; docs/results.json keeps what they gave, from which the page and its figure are made.
//   npm run results -- --list         what is done and what is left
//   npm run results -- --pages        only makes the page and the figure again
//   npm run results -- residual gate  only these experiments or runs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from '../src/files.ts';
import { drawPrecision, drawResults } from './results/figure.ts';
import { fillResults } from './results/page.ts';
import { allRuns, commandOf, type Run, runsOf } from './results/plan.ts';
import { outcomeOf, readStore, writeStore } from './results/store.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const storePath = join(root, 'docs/results.json');
const folderOf = ({ id }: Run): string => join(root, 'runs/results', id);

const { list, pages, names } = readArguments(process.argv.slice(2));
const chosen = chooseRuns(names);
if (list) {
  const store = readStore(storePath);
  for (const run of chosen) console.log(`${stateOf(run, store)}  ${run.id.padEnd(34)}  ${commandOf(run)}`);
} else {
  for (const run of pages ? [] : chosen) trainOnce(run);
  await makePages();
}

function readArguments(given: readonly string[]) {
  const flags = given.filter((argument) => argument.startsWith('-'));
  const unknown = flags.find((flag) => flag !== '--list' && flag !== '--pages');
  if (unknown !== undefined) fail(`Unknown option ${unknown}; there are --list and --pages.`, 2);
  return {
    list: flags.includes('--list'),
    pages: flags.includes('--pages'),
    names: given.filter((argument) => !argument.startsWith('-')),
  };
}

function chooseRuns(ids: readonly string[]): Run[] {
  if (ids.length === 0) return allRuns();
  const wanted = ids.flatMap((id) => {
    const found = runsOf(id);
    if (found.length === 0) fail(`There is no experiment or run '${id}'; --list shows what there is.`, 2);
    return found;
  });
  return wanted.filter((run, place) => wanted.findIndex(({ id }) => id === run.id) === place);
}

function stateOf(run: Run, store: ReturnType<typeof readStore>): string {
  if (store[run.id] !== undefined) return 'done   ';
  return existsSync(join(folderOf(run), 'config.json')) ? 'begun  ' : 'to do  ';
}

/** Trains `run` unless that was done, and keeps what it gave. */
function trainOnce(run: Run): void {
  const store = readStore(storePath);
  if (store[run.id]?.command === commandOf(run)) return;
  const folder = folderOf(run);
  if (outcomeOf(run, folder, '') === undefined) {
    const resumed = existsSync(join(folder, 'config.json'));
    console.error(`\n${commandOf(run)}${resumed ? ' (going on)' : ''}`);
    const goesOn = resumed ? ['train', run.network, '--resume'] : ['train', run.network, ...run.arguments];
    const { status, signal } = spawnSync(
      process.execPath,
      [join(root, 'bin/laurel.mjs'), ...goesOn, '--out', folder],
      { stdio: 'inherit' },
    );
    if (status !== 0)
      fail(`Stopped (${signal ?? `exit code ${status}`}). The same command goes on from there.`, status ?? 1);
  }
  const outcome = outcomeOf(run, folder, cpus()[0]?.model.trim() ?? 'unknown');
  if (outcome === undefined) fail(`${folder} holds no finished run; --resume did not finish it.`, 1);
  writeStore(storePath, { ...store, [run.id]: outcome });
}

async function makePages(): Promise<void> {
  const store = readStore(storePath);
  const page = join(root, 'docs/results.md');
  mkdirSync(join(root, 'docs/figures'), { recursive: true });
  await drawResults(join(root, 'docs/figures/results.png'), store);
  await drawPrecision(join(root, 'docs/figures/precision.png'), store);
  writeFileAtomic(page, fillResults(readFileSync(page, 'utf8'), store));
  console.error('wrote docs/results.md, docs/figures/results.png and docs/figures/precision.png');
}

function fail(message: string, exitCode: number): never {
  console.error(message);
  process.exit(exitCode);
}
