// `npm run bench`: everything measured side by side on this machine, in one run, as a table on the terminal and
// between the marks in docs/performance.md. `--rounds N --steps N` set how long; `--python FILE` which PyTorch.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../src/files.ts';
import { measureLoader } from './loader.ts';
import { describeMachine } from './machine.ts';
import { compareTraining, type TrainingComparison, type TrainingRow } from './training.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '3' },
    python: { type: 'string', default: existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3' },
    dry: { type: 'boolean', default: false },
  },
});

const page = 'docs/performance.md';
const marks = ['<!-- measured -->', '<!-- /measured -->'] as const;

function bestRival(rows: readonly TrainingRow[], dtype: string): TrainingRow | undefined {
  return rows
    .filter((row) => row.dtype === dtype && row.contender !== 'Laurel')
    .sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
}

function table({ rows, leftOut }: TrainingComparison, loaderRate: number): string {
  const lines = [
    `Machine: ${describeMachine()}. Date: ${new Date().toISOString().slice(0, 10)}.`,
    `Command: \`npm run bench -- --rounds ${values.rounds} --steps ${values.steps}\`.`,
    '',
    'ResNet-18 for 32x32 pictures, batch 128, whole training step:',
    '',
    '| who | dtype | ms/step | images/s | against the best rival | peak memory MiB |',
    '|---|---|---|---|---|---|',
  ];
  for (const row of rows) {
    const rival = bestRival(rows, row.dtype);
    const ratio =
      rival && row.contender === 'Laurel' ? `${(rival.msPerStep / row.msPerStep).toFixed(2)}x` : '';
    const { library, isa, threads } = row.facts as Record<string, string>;
    const who = `${row.contender} (${[library, isa, `${threads} threads`].filter(Boolean).join(', ')})`;
    const numbers = [row.msPerStep.toFixed(0), row.imagesPerSecond.toFixed(1), ratio, row.peakMiB.toFixed(0)];
    lines.push(`| ${who} | ${row.dtype} | ${numbers.join(' | ')} |`);
  }
  const fastest = Math.max(
    ...rows.filter((row) => row.contender === 'Laurel').map((row) => row.imagesPerSecond),
  );
  const share = (loaderRate / fastest).toFixed(1);
  lines.push(
    '',
    `The loader alone (crop, flip, rotation, normalisation; one worker) delivers ${loaderRate.toFixed(0)} pictures/s, ` +
      `${share} times what the fastest step above eats.`,
  );
  if (leftOut.length > 0) lines.push('', 'Left out:', '', ...leftOut.map((reason) => `- ${reason}`));
  return lines.join('\n');
}

const loaderRate = await measureLoader(5);
const comparison = await compareTraining({
  rounds: Number(values.rounds),
  steps: Number(values.steps),
  python: values.python,
  log: (line) => console.error(line),
});
const text = table(comparison, loaderRate);
console.log(text);
if (!values.dry) {
  const [begin, end] = marks;
  const before = readFileSync(page, 'utf8');
  const from = before.indexOf(begin) + begin.length;
  writeFileAtomic(page, `${before.slice(0, from)}\n${text}\n${before.slice(before.indexOf(end))}`);
}
