// Steps of a training by ranks, held against those of one process.
import { expect } from 'vitest';
import { type Launcher, runRanks } from '../src/distribute/testing.ts';
import { run } from './cli.ts';

const program = 'test/ranks/steps.ts';

export interface Steps {
  readonly losses: readonly number[];
  /** Name, norm and first values. */
  readonly weights: readonly (readonly [string, number, readonly number[]])[];
  /** Of a rank. */
  readonly traffic?: { readonly messages: number; readonly bytes: number };
}

export interface Proof {
  readonly network: string;
  readonly batch: number;
  readonly steps: number;
  readonly rate: number;
  readonly flags?: readonly string[];
  /** Relative, of losses and of the norms of weights and running statistics. */
  readonly tolerance: number;
  /** Holds momentum to it too, which a ReLU whose input is nearly 0 moves more than the weights. */
  readonly momentum?: boolean;
  /** Holds the losses alone against each other. */
  readonly lossesOnly?: boolean;
}

const argumentsOf = ({ network, batch, steps, rate, flags = [] }: Proof): string[] => [
  ...[network, 'cifar', `${batch}`, `${steps}`, `${rate}`],
  ...flags,
];

const known = new Map<string, Promise<Steps>>();

/** The steps of one process; made once. */
function oneProcess(proof: Proof): Promise<Steps> {
  const args = argumentsOf(proof);
  const key = args.join(' ');
  const made = known.get(key) ?? run(process.execPath, [program, ...args]).then(stepsOf);
  known.set(key, made);
  return made;
}

function stepsOf({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): Steps {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Steps;
}

/** The steps of ranks. */
export async function stepsOfRanks(proof: Proof, launcher: Launcher, ranks: number): Promise<Steps> {
  return stepsOf(await runRanks(launcher, ranks, program, { arguments: argumentsOf(proof) }));
}

/** Expects of ranks the losses and weights of one process; gives the largest relative difference. */
export async function expectSame(proof: Proof, launcher: Launcher, ranks: number): Promise<number> {
  const [one, all] = await Promise.all([oneProcess(proof), stepsOfRanks(proof, launcher, ranks)]);
  const largest = difference(proof, one, all);
  expect(largest, `${proof.network}, ${ranks} ranks, ${launcher.name}`).toBeLessThanOrEqual(proof.tolerance);
  return largest;
}

/** How far one process is from itself where it sums in another order: on more threads, and with AVX2's instructions. */
export async function differenceOfOrders(proof: Proof): Promise<number> {
  const one = await oneProcess(proof);
  const threads = await oneProcess({ ...proof, flags: [...(proof.flags ?? []), 'threads2'] });
  const env = { DNNL_MAX_CPU_ISA: 'AVX2', ONEDNN_MAX_CPU_ISA: 'AVX2' };
  const narrow = stepsOf(await run(process.execPath, [program, ...argumentsOf(proof)], { env }));
  // Where AVX2 is all that there is, the last one is the first again.
  return Math.max(...[threads, narrow].map((other) => difference(proof, one, other)));
}

/** The largest relative difference of losses and of the norms of states. */
function difference(proof: Proof, one: Steps, all: Steps): number {
  expect(all.losses).toHaveLength(proof.steps);
  // They moved: standing still would be equal too.
  expect(new Set(all.losses).size).toBe(proof.steps);
  const relative = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(a), 1e-3);
  const differences = [
    ...one.losses.map((loss, step) => relative(loss, all.losses[step] as number)),
    ...(proof.lossesOnly ? [] : one.weights).flatMap(([name, norm], place) => {
      const [otherName, otherNorm] = all.weights[place] as Steps['weights'][number];
      expect(otherName).toBe(name);
      return proof.momentum || !name.endsWith('.momentum') ? [relative(norm, otherNorm)] : [];
    }),
  ];
  return Math.max(...differences);
}
