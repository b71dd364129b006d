// Steps of AlexNet in two towers, held against those of one process with two groups.
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Launcher, runRanks } from '../src/distribute/testing.ts';
import { readSafetensors } from '../src/weights/safetensors.ts';
import { run, temporaryFolder } from './cli.ts';

const program = 'test/ranks/towers.ts';

export interface TowersProof {
  readonly form: 'cifar' | 'imagenet';
  readonly size: number;
  readonly batch: number;
  readonly steps: number;
  /** Default 0.01. */
  readonly rate?: number;
  /** Norms below this count as this much: biases that start from 0 hold nothing but what was learned. Default 1e-3. */
  readonly smallest?: number;
  readonly flags?: readonly string[];
}

interface Ended {
  readonly losses: readonly number[];
  /** Of gradients, where they are clipped. */
  readonly norms: readonly (number | null)[];
  /** Of a rank. */
  readonly traffic?: { readonly messages: number; readonly bytes: number };
}

/** The largest relative differences: of a loss, of a gradient's norm, and of tensors (norm of the difference by norm). */
export interface Difference {
  readonly losses: number;
  readonly norms: number;
  readonly weights: number;
  /** Of what only training on needs: momentum, averages' trained weights. */
  readonly optimizer: number;
  readonly traffic: Ended['traffic'];
}

/** How far two towers are from one process. */
export async function towersBesideOne(proof: TowersProof, launcher: Launcher): Promise<Difference> {
  const { form, size, batch, steps, rate = 0.01, smallest = 1e-3, flags = [] } = proof;
  const folder = temporaryFolder();
  const argumentsFor = (name: string) => [
    join(folder, name),
    form,
    ...[size, batch, steps, rate].map(String),
    ...flags,
  ];
  const one = ended(await run(process.execPath, [program, ...argumentsFor('one')]));
  const two = ended(await runRanks(launcher, 2, program, { arguments: argumentsFor('two') }));
  expect(one.losses).toHaveLength(steps);
  // They moved: standing still would be equal too.
  expect(new Set(one.losses).size).toBe(steps);
  const [whole, towers] = ['one', 'two'].map((name) => readSafetensors(join(folder, name)).tensors);
  expect([...(towers?.keys() ?? [])]).toEqual([...(whole?.keys() ?? [])]);
  const states = [...(whole ?? [])].map(([name, { data }]) => {
    const other = towers?.get(name)?.data ?? [];
    expect(other.length, name).toBe(data.length);
    let [squares, apart] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      squares += (data[i] as number) ** 2;
      apart += ((data[i] as number) - (other[i] as number)) ** 2;
    }
    return { name, relative: Math.sqrt(apart / Math.max(squares, smallest ** 2)) };
  });
  const worst = (isWeight: boolean): number =>
    Math.max(
      ...states
        .filter(({ name }) => /^\w+\.(weight|bias)$/.test(name) === isWeight)
        .map(({ relative }) => relative),
    );
  const apart = (a: readonly (number | null)[], b: readonly (number | null)[]): number =>
    Math.max(
      0,
      ...a.map((value, i) => Math.abs((value ?? 0) - (b[i] ?? 0)) / Math.max(1e-9, Math.abs(value ?? 0))),
    );
  return {
    losses: apart(one.losses, two.losses),
    norms: apart(one.norms, two.norms),
    weights: worst(true),
    optimizer: worst(false),
    traffic: two.traffic,
  };
}

function ended({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): Ended {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Ended;
}
