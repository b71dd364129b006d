import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { profileOf } from '../engines/profile/profile.ts';
import { reportOf, step } from '../engines/profile/testing.ts';
import { describeProfile } from './bench-profile.ts';

const peaks = { gflops: { f32: 100 }, copyGBs: 10 };
const describeSteps = (steps: Parameters<typeof reportOf>[0], files: string[] = []): string[] =>
  stripVTControlCharacters(describeProfile(profileOf(reportOf(steps), peaks, 1), files)).split('\n');

/** The cells of the first line that begins so. */
function row(lines: readonly string[], start: RegExp): string[] {
  const line = lines.find((each) => start.test(each));
  if (line === undefined) throw new Error(`no line ${start} in:\n${lines.join('\n')}`);
  return line.trim().split(/ {2,}/);
}

const convolution = step('convolution', 'layer1.0.conv1', {
  macs: 5e8,
  bytes: 1e7,
  times: [20],
  candidates: [
    { implementation: 'jit', ms: 19.5 },
    { implementation: 'gemm', ms: 31 },
    { implementation: 'ref' },
  ],
});
const lines = describeSteps(
  [convolution, step('relu', 'layer1.0', { bytes: 1e8, times: [20] }), step('sgd', 'fc', { times: [10] })],
  ['out/roofline.png'],
);

describe('describeProfile', () => {
  it('states the peaks, the arena and the files', () => {
    const text = lines.join('\n');
    expect(text).toContain('f32 100 GFLOP/s, copy 10.0 GB/s, measured here');
    expect(text).toContain('1.100 times the most that is alive at one step');
    expect(text).toContain('out/roofline.png');
  });

  it('gives an op its steps, time, share, speeds and distance from the roof', () => {
    expect(row(lines, /^convolution /)).toEqual([
      ...['convolution', 'jit', '1', '20.0', '40.0 %', '50.0', '0.5', '50 %'],
    ]);
    expect(row(lines, /^relu /).slice(0, 7)).toEqual(['relu', 'jit', '1', '20.0', '40.0 %', '5.0', '50 %']);
  });

  it('indents a layer under the one that it is part of', () => {
    expect(lines.some((line) => /^layer1 +40.0/.test(line))).toBe(true);
    expect(lines.some((line) => /^ {2}0 +40.0/.test(line))).toBe(true);
    expect(lines.some((line) => /^ {4}conv1 +20.0/.test(line))).toBe(true);
  });

  it('names the runners-up of a step, with times where they were measured', () => {
    const line = lines.find((each) => /^layer1\.0\.conv1 /.test(each));
    expect(line).toMatch(/alone 19\.50 ms, gemm 31\.00 ms, ref$/);
  });

  it('shows the most costly twenty, and says that there are more', () => {
    const many = Array.from({ length: 25 }, (_, i) => step('relu', `r${i}`, { times: [i + 1], bytes: 8 }));
    const text = describeSteps(many);
    expect(text).toContain('Steps, the 20 most costly of 25');
    const shown = text.slice(text.findIndex((each) => each.startsWith('Steps,')));
    expect(shown.some((each) => each.startsWith('r24 '))).toBe(true);
    expect(shown.some((each) => each.startsWith('r4 '))).toBe(false);
  });
});
