// Whole steps of one network by everybody who can run it here: ours, every PyTorch that is installed (eager, and through
// torch.compile), onnxruntime. Of the variants of one rival (memory layouts, frozen weights) the one that is fastest in a
// first step takes part. Who cannot run is left out and said so.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { median } from '../src/median.ts';
import { plural } from '../src/plural.ts';
import { type Contender, startContender, type TurnOptions, takeTurns } from './contender.ts';
import type { BenchOptions, Part } from './part.ts';
import { findPythons, type Python } from './pythons.ts';
import { exportForRivals } from './rival-file.ts';

export interface Work {
  readonly net: string;
  readonly form: 'imagenet' | 'cifar';
  readonly batch: number;
  readonly dtype: ComputeType;
  readonly what: 'train' | 'infer';
}

export type Kind = 'laurel' | 'eager' | 'compiled' | 'onnxruntime';

/** Who takes part, with the commands of its variants. */
export interface Entrant {
  readonly name: string;
  readonly kind: Kind;
  readonly variants: readonly (readonly [name: string, command: string, args: readonly string[]])[];
}

export interface Row {
  readonly who: string;
  readonly kind: Kind;
  /** The variant that took part; empty where there is one only. */
  readonly variant: string;
  /** The median of all steps. */
  readonly msPerStep: number;
  /** The median step of each turn, in milliseconds. */
  readonly turns: readonly number[];
  readonly peakMiB: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Outcome {
  readonly work: Work;
  readonly rows: readonly Row[];
  readonly leftOut: readonly string[];
}

const argumentsOf = ({ net, form, batch, dtype }: Work): string[] => [net, form, `${batch}`, dtype];

export function laurelEntrant(work: Work): Entrant {
  const args = ['bench/laurel-worker.mjs', ...argumentsOf(work), work.what];
  return { name: 'Laurel', kind: 'laurel', variants: [['', process.execPath, args]] };
}

/** A PyTorch as it comes (`eager`), in both memory layouts, or through torch.compile. */
export function torchEntrant(work: Work, python: Python, kind: 'eager' | 'compiled'): Entrant {
  const command = (layout: string, ...more: string[]) =>
    python.command(['bench/torch_worker.py', ...argumentsOf(work), layout, work.what, ...more]);
  if (kind === 'eager') {
    const variants = (['nchw', 'nhwc'] as const).map(
      (layout) => [layout === 'nhwc' ? 'channels last' : 'channels first', ...command(layout)] as const,
    );
    return { name: python.name, kind, variants };
  }
  const plain = ['channels last', ...command('nhwc', 'compile')] as const;
  const frozen = ['frozen', ...command('nchw', 'compile', 'freeze')] as const;
  return {
    name: `${python.name} compiled`,
    kind,
    variants: work.what === 'train' ? [plain] : [plain, frozen],
  };
}

/** Every PyTorch here, eager and compiled. */
export function torchEntrants(work: Work, pythons: readonly Python[]): Entrant[] {
  return pythons.flatMap((python) => [
    torchEntrant(work, python, 'eager'),
    ...(python.compiles ? [torchEntrant(work, python, 'compiled')] : []),
  ]);
}

/** onnxruntime on a file of our own exporter. */
export function onnxruntimeEntrant(file: string): Entrant {
  const args = ['bench/onnxruntime-worker.ts', file, `${availableParallelism()}`];
  return { name: 'onnxruntime', kind: 'onnxruntime', variants: [['', process.execPath, args]] };
}

/** The types that run here. */
export function comparedTypes(): readonly ComputeType[] {
  return computeTypes().includes('bf16') ? ['f32', 'bf16'] : ['f32'];
}

/** What a reader has to know of figures in bf16; nothing where the CPU multiplies it. */
export function bf16Remark(): string {
  const dtypes = computeTypes();
  if (!dtypes.includes('bf16')) return 'bf16 does not run on this CPU.';
  return dtypes[0] === 'bf16'
    ? ''
    : 'This CPU does not multiply bf16. Everybody here has to do without: the goals for bf16 are meant for CPUs that do.';
}

function computeTypes(): readonly string[] {
  return chooseEngine('onednn').engine.describe().dtypes;
}

/** A part for each type, so that each may be measured on a machine that it is meant for: `NAME` in f32, `NAME-bf16`. */
export function inTypes(
  name: string,
  make: (dtype: ComputeType, name: string, remark: () => string) => Part,
): readonly Part[] {
  return [make('f32', name, () => ''), make('bf16', `${name}-bf16`, bf16Remark)];
}

/** Starts the variants one after another and keeps the fastest in its last step of warming up. */
async function enter(entrant: Entrant, leftOut: string[], log: BenchOptions['log']) {
  let best: { contender: Contender; variant: string; ms: number } | undefined;
  for (const [variant, command, args] of entrant.variants) {
    const title = variant === '' ? entrant.name : `${entrant.name}, ${variant}`;
    log(`  starting ${title}`);
    try {
      const contender = await startContender(title, command, args);
      const ms = Number(contender.facts.warmMs);
      if (best === undefined || ms < best.ms) {
        best?.contender.stop();
        best = { contender, variant, ms };
      } else contender.stop();
    } catch (error) {
      leftOut.push((error as Error).message);
    }
  }
  return best;
}

/** All entrants, in turns. */
export async function compete(
  work: Work,
  entrants: readonly Entrant[],
  { rounds, steps, log }: Pick<BenchOptions, 'rounds' | 'steps' | 'log'>,
  turnOptions: TurnOptions = {},
): Promise<Outcome> {
  const leftOut: string[] = [];
  const entered: { entrant: Entrant; contender: Contender; variant: string }[] = [];
  try {
    for (const entrant of entrants) {
      const best = await enter(entrant, leftOut, log);
      if (best !== undefined) entered.push({ entrant, ...best });
    }
    const taken = await takeTurns(
      entered.map(({ contender }) => contender),
      rounds,
      steps,
      turnOptions,
    );
    const rows = entered.map(({ entrant, contender, variant }): Row => {
      const times = taken.get(contender) as number[][];
      const msPerStep = median(times.flat());
      log(`  ${entrant.name}: ${msPerStep.toFixed(2)} ms`);
      const { name: who, kind } = entrant;
      const measured = { msPerStep, turns: times.map(median), peakMiB: contender.peakMiB() };
      return { who, kind, variant, ...measured, facts: contender.facts };
    });
    return { work, rows, leftOut };
  } finally {
    for (const { contender } of entered) contender.stop();
  }
}

export interface Rivals {
  readonly torch: boolean;
  readonly onnxruntime: boolean;
}

/** Ours against the rivals that are installed, in a temporary folder for the file that onnxruntime reads. */
export async function competeWith(
  work: Work,
  rivals: Rivals,
  options: BenchOptions,
  turnOptions: TurnOptions = {},
): Promise<Outcome> {
  const { found } = findPythons(options.python);
  const entrants = [laurelEntrant(work), ...(rivals.torch ? torchEntrants(work, found) : [])];
  const folder = mkdtempSync(join(tmpdir(), 'laurel-bench-'));
  try {
    if (rivals.onnxruntime && work.dtype === 'f32')
      entrants.push(onnxruntimeEntrant(exportForRivals(work, folder)));
    return await compete(work, entrants, options, turnOptions);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Ours, the fastest of the others, and how many times as fast ours is: turn by turn, of which the median, for the clock and the
 * neighbours of a machine change from one moment to the next.
 */
export function verdict(rows: readonly Row[]): { ours?: Row; rival?: Row; ratio?: number } {
  const ours = rows.find(({ kind }) => kind === 'laurel');
  const [rival] = rows.filter(({ kind }) => kind !== 'laurel').sort((a, b) => a.msPerStep - b.msPerStep);
  return ours && rival
    ? { ours, rival, ratio: median(rival.turns.map((ms, i) => ms / (ours.turns[i] as number))) }
    : { ...(ours && { ours }), ...(rival && { rival }) };
}

/** A row's name with its versions, instruction set and threads. */
export function describeRow({ who, variant, facts }: Row): string {
  const { library, isa, threads } = facts as { library?: string; isa?: string; threads: number };
  const parts = [library, isa, variant, plural(threads, 'thread')].filter(Boolean);
  return `${who} (${parts.filter((part) => part !== who).join(', ')})`;
}

/** `1.41x`, as a table's ratio. */
export function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '' : `${ratio.toFixed(2)}x`;
}
