// `npm run bench [-- PART...]`: everything, or the named parts, measured side by side on this machine, in one run; the
// tables go to the terminal and between their marks in docs/performance.md. `--rounds N --steps N` set how long,
// `--python FILE` which PyTorch, `--dry` leaves the page alone. Parts of many cases keep what they measured in runs/bench:
// `--resume` goes on where an earlier run ended, `--only A,B` measures these cases and shows the others as they were.
// `--save FILE` stores the ratios of the tables, and `--compare FILE` holds them against stored ones (the parts that are
// stored, unless some are named): it fails where one has become worse by more than 15 %, and leaves the page alone.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { wholeNumber as wholeNumberFrom } from '../src/cli/options.ts';
import { didYouMean, UserError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/files.ts';
import { classify } from './classify.ts';
import { compareRatios, type Ratio, ratiosOf, readRatios, type StoredRatios, saveRatios } from './compare.ts';
import { data } from './data.ts';
import { growth } from './growth.ts';
import { inference, inferenceBf16 } from './inference.ts';
import { int8 } from './int8.ts';
import { loads } from './loads.ts';
import { describeMachine } from './machine.ts';
import { memory } from './memory.ts';
import { occlusion } from './occlusion.ts';
import type { Part } from './part.ts';
import { pictureIndex } from './picture-index.ts';
import { projection } from './projection.ts';
import { ranks } from './ranks.ts';
import { roofline } from './roofline.ts';
import { scan } from './scan.ts';
import { scanMemory } from './scan-memory.ts';
import { start } from './start.ts';
import { training } from './training.ts';
import { training224 } from './training-224.ts';
import { versions } from './versions.ts';

const parts: readonly Part[] = [
  training,
  ...training224,
  inference,
  inferenceBf16,
  int8,
  ...memory,
  classify,
  growth,
  roofline,
  loads,
  versions,
  projection,
  occlusion,
  scan,
  scanMemory,
  pictureIndex,
  start,
  data,
  ranks,
];
const page = 'docs/performance.md';

const names = parts.map(({ name }) => name);
const usage = `npm run bench -- [PART...] [--rounds N] [--steps N] [--only CASE,CASE] [--resume] [--dry] [--python FILE]
  [--save FILE] [--compare FILE]
Parts: ${names.join(', ')}.`;

const { values, positionals } = readOptions(() =>
  parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '3' },
      python: { type: 'string', default: existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3' },
      dry: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      only: { type: 'string' },
      compare: { type: 'string' },
      save: { type: 'string' },
    },
  }),
);
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(
    `There is no part named '${unknown}'.${didYouMean(unknown, names)} The parts are ${names.join(', ')}.`,
  );
  process.exit(2);
}

const { python, dry, resume, only, compare, save } = values;
const rounds = wholeNumber('--rounds', values.rounds);
const steps = wholeNumber('--steps', values.steps);
let stored: StoredRatios | undefined;
let saved: StoredRatios = {};
try {
  stored = compare === undefined ? undefined : readRatios(compare);
  if (save !== undefined && existsSync(save)) saved = readRatios(save);
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}
const wanted = positionals.length > 0 ? positionals : Object.keys(stored ?? {});
const measured: Record<string, Record<string, Ratio>> = {};
for (const part of parts) {
  if (wanted.length > 0 && !wanted.includes(part.name)) continue;
  const text = [
    `Machine: ${describeMachine()}. Date: ${new Date().toISOString().slice(0, 10)}.`,
    `Command: \`npm run bench -- ${part.name} --rounds ${rounds} --steps ${steps}\`.`,
    '',
    await part
      .measure({
        rounds,
        steps,
        python,
        dry: dry || stored !== undefined,
        resume,
        ...(only !== undefined && { only: only.split(',') }),
        keep: 'runs/bench',
        log: (line) => console.error(line),
      })
      .catch(refuse),
  ].join('\n');
  console.log(`${text}\n`);
  measured[part.name] = ratiosOf(text);
  if (!dry && stored === undefined)
    writeFileAtomic(page, withPart(readFileSync(page, 'utf8'), part.name, text));
}
if (save !== undefined) saveRatios(save, measured, saved, describeMachine());
if (stored !== undefined) {
  const { text, failures } = compareRatios(measured, stored, describeMachine());
  console.log(text);
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

/** Ends with a sentence where an option is unknown or lacks its value. */
function readOptions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    console.error(`${(error as Error).message.split('. ')[0]}. Usage: ${usage}`);
    process.exit(2);
  }
}

/** Ends with a sentence where an option counts nothing. */
function wholeNumber(option: string, text: string): number {
  try {
    return wholeNumberFrom(1)(text);
  } catch (error) {
    console.error(`${option} is '${text}'. ${(error as Error).message}`);
    process.exit(2);
  }
}

/** Ends with the sentence of an error that the user can mend. */
function refuse(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exit(error.exitCode);
}

/** The page with a new text between the marks of a part. */
function withPart(before: string, name: string, text: string): string {
  const [begin, end] = [`<!-- measured: ${name} -->`, `<!-- /measured: ${name} -->`];
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no marks ${begin} and ${end}.`);
  return `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`;
}
