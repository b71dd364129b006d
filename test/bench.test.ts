// `laurel bench --profile --trace` end to end: what it prints, and the files that it writes.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Trace } from '../src/engines/profile/trace.ts';
import { type Ended, laurel, temporaryFolder } from './cli.ts';

const folder = temporaryFolder();
const trace = join(folder, 'lenet.json');
const args = ['bench', 'train', 'lenet', '--engine', 'reference', '--batch', '2', '--steps', '2'];

describe('laurel bench --profile', () => {
  let ended: Ended;
  beforeAll(async () => {
    ended = await laurel([...args, '--profile', '--trace', trace, '--out', join(folder, 'out'), '--json']);
  });

  it('gives a profile whose steps make up the whole', () => {
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(0);
    const { profile, files } = JSON.parse(ended.stdout);
    expect(profile.peaks.gflops.f32).toBeGreaterThan(0);
    expect(profile.peaks.copyGBs).toBeGreaterThan(0);
    const sum = profile.steps.reduce((all: number, { ms }: { ms: number }) => all + ms, 0);
    expect(sum).toBeCloseTo(profile.ms, 6);
    const ops = new Set(profile.steps.map(({ op }: { op: string }) => op));
    for (const op of ['convolution', 'convolutionBackwardWeights', 'linearBackwardData', 'sgd'])
      expect(ops).toContain(op);
    for (const name of ['roofline.png', 'roofline.svg']) {
      expect(files).toContain(join(folder, 'out', name));
      expect(existsSync(join(folder, 'out', name))).toBe(true);
    }
  });

  it('writes a trace of the runs, each with the steps of the profile', () => {
    const { traceEvents }: Trace = JSON.parse(readFileSync(trace, 'utf8'));
    const runs = traceEvents.filter(({ cat }) => cat === 'run');
    expect(runs.length).toBeGreaterThan(0);
    const steps = traceEvents.filter(({ ph, cat }) => ph === 'X' && cat !== 'run');
    const { profile } = JSON.parse(ended.stdout);
    expect(steps).toHaveLength(runs.length * profile.steps.length);
    expect(steps.some(({ name }) => name === 'convolution conv1')).toBe(true);
  });

  it('prints tables for people, and no profile where none was asked for', async () => {
    const shown = await laurel([...args, '--profile', '--out', join(folder, 'again')]);
    for (const title of ['Peaks', 'Ops', 'Layers', 'Steps']) expect(shown.stdout).toContain(title);
    const plain = await laurel([...args, '--json']);
    expect(JSON.parse(plain.stdout)).not.toHaveProperty('profile');
  });

  it('refuses another way to profile', async () => {
    const { code, stderr } = await laurel([...args, '--profile', 'some']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/full/);
  });
});
