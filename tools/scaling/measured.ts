// Two ranks on one machine, measured beside the model: the wire by itself (`measure-rank.ts`), and steps of two networks
// with the sum of the gradients and without it (`step-rank.ts`). What was measured is kept in docs/scaling.json, so that
// the figure can be drawn again without measuring.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findLaunchers, type Launcher, launcherFlags } from '../../src/distribute/launch.ts';
import { efficiency, sumSeconds } from '../../src/distribute/scaling-model.ts';

export interface Wire {
  /** `Open MPI 4.1.4`. */
  readonly mpi: string;
  readonly alphaMicroseconds: number;
  readonly gigabitsPerSecond: number;
}

export interface Point {
  readonly name: string;
  /** On each rank. */
  readonly pictures: number;
  /** Of the gradients of a step. */
  readonly bytes: number;
  /** A step while the other rank computes as well, without and with the sum of the gradients. */
  readonly apartSeconds: number;
  readonly togetherSeconds: number;
}

export interface Measured {
  readonly machine: string;
  readonly wires: readonly Wire[];
  /** Under the first of the wires. */
  readonly points: readonly Point[];
}

const path = fileURLToPath(new URL('../../docs/scaling.json', import.meta.url));

/** 32x32 pictures, f32: a network with much to send for what it computes, and one with little. */
const cases = [
  ['alexnet', [8, 32, 128]],
  ['resnet18', [4, 16, 32]],
] as const;

export function readMeasured(): Measured | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Measured) : undefined;
}

/** Measures on this machine and keeps what was found. Throws an Error where there is no MPI. */
export function measure(log: (line: string) => void): Measured {
  const launchers = findLaunchers();
  const [first] = launchers;
  if (first === undefined) throw new Error('MPI is not installed, and it is what starts ranks.');
  const wires = launchers.map((launcher) => ranksOf<Wire & { mpi: string }>(launcher, 'measure-rank.ts', []));
  const points: Point[] = [];
  for (const [name, counts] of cases) {
    for (const pictures of counts) {
      const point = ranksOf<Point>(first, 'step-rank.ts', [name, 'cifar', '32', `${pictures}`, '5']);
      log(JSON.stringify(point));
      points.push(point);
    }
  }
  const measured = { machine: `${cpus().length} cores of ${cpus()[0]?.model.trim()}`, wires, points };
  writeFileSync(path, `${JSON.stringify(measured, null, 2)}\n`);
  return measured;
}

function ranksOf<T>(launcher: Launcher, program: string, args: readonly string[]): T {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const command = [...launcherFlags(launcher, 2), process.execPath, file, ...args];
  const { stdout, stderr, status } = spawnSync(launcher.file, command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.trim()}`);
  return JSON.parse(stdout) as T;
}

/**
 * Percent of perfect scaling of two ranks: as measured, as the model has it for that wire, and if nothing of the sum hides
 * behind the backward pass, as where the cores that compute move the bytes too.
 */
export function besideModel(
  { bytes, apartSeconds, togetherSeconds, name }: Point,
  { wires: [wire] }: Measured,
): { readonly measured: number; readonly hidden: number; readonly unhidden: number } {
  const { alphaMicroseconds, gigabitsPerSecond } = wire as Wire;
  const network = {
    alphaSeconds: alphaMicroseconds / 1e6,
    betaBytesPerSecond: (gigabitsPerSecond * 1e9) / 8,
  };
  return {
    measured: (100 * apartSeconds) / togetherSeconds,
    hidden: 100 * efficiency({ name, bytes, stepSeconds: apartSeconds }, 2, network),
    unhidden: (100 * apartSeconds) / (apartSeconds + sumSeconds(bytes, 2, network)),
  };
}
