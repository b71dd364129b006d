import { describe, expect, it } from 'vitest';
import type { Peaks } from './peaks.ts';
import { phaseOf, profileOf } from './profile.ts';
import { reportOf, step } from './testing.ts';

/** A ridge at 10 operations a byte: 100 GFLOP/s over 10 GB/s. */
const peaks: Peaks = { gflops: { f32: 100 }, copyGBs: 10 };

// 10^9 operations in 20 ms are 50 GFLOP/s, half of the peak; 10^8 bytes in 10 ms are 10 GB/s, all of the copy.
const multiplying = step('convolution', 'layer1.0.conv1', { macs: 5e8, bytes: 1e6, times: [20], ms: 20 });
const moving = step('relu', 'layer1.0', { bytes: 1e8, times: [10], ms: 10 });
const backward = step('convolutionBackwardWeights', 'layer1.0.conv1', {
  macs: 5e8,
  bytes: 1e6,
  times: [60],
  implementation: 'gemm',
});
const update = step('sgd', 'fc', { bytes: 2e7, times: [10] });
const report = reportOf([multiplying, moving, backward, update]);

describe('profileOf', () => {
  it('adds up times and gives each step its share', () => {
    const { ms, steps } = profileOf(report, peaks, 1);
    expect(ms).toBe(100);
    expect(steps.map(({ op, share }) => [op, share])).toEqual([
      ['convolutionBackwardWeights', 60],
      ['convolution', 20],
      ['relu', 10],
      ['sgd', 10],
    ]);
  });

  it('gives speeds, and the least time of the roofline over the time taken', () => {
    const { steps } = profileOf(report, peaks, 1);
    const of = (op: string) => steps.find((each) => each.op === op);
    expect(of('convolution')).toMatchObject({ flops: 1e9, gflops: 50, gbs: 0.05, ofRoof: 50 });
    expect(of('relu')).toMatchObject({ flops: 0, gflops: 0, gbs: 10, ofRoof: 100 });
    expect(of('sgd')?.ofRoof).toBeCloseTo(20);
  });

  it('takes the slower of the two limits as the roof', () => {
    // At one operation a byte the copy limits: 10^8 bytes take 10 ms at least, the operations 1 ms.
    const thin = step('linear', 'fc', { macs: 5e7, bytes: 1e8, times: [40] });
    expect(profileOf(reportOf([thin]), peaks, 1).steps[0]?.ofRoof).toBeCloseTo(25);
  });

  it('takes the median of the last runs, not the runs of warming up', () => {
    const noisy = step('convolution', 'conv1', { macs: 5e8, times: [500, 400, 9, 30, 10] });
    expect(profileOf(reportOf([noisy]), peaks, 3).ms).toBe(10);
    expect(profileOf(reportOf([noisy]), peaks, 2).ms).toBe(20);
  });

  it('joins the steps of an op that run on the same implementation', () => {
    const twin = step('convolution', 'layer1.1.conv1', { macs: 5e8, bytes: 1e6, times: [30] });
    const other = step('convolution', 'layer1.2.conv1', { macs: 5e8, times: [5], implementation: 'gemm' });
    const { ops } = profileOf(reportOf([multiplying, twin, other]), peaks, 1);
    expect(ops).toMatchObject([
      { op: 'convolution', implementation: 'jit', count: 2, ms: 50, gflops: 40 },
      { op: 'convolution', implementation: 'gemm', count: 1, ms: 5 },
    ]);
  });

  it('lists modules after what they are part of, each with the whole of its parts', () => {
    const stem = step('convolution', 'conv1', { times: [7] });
    const late = step('reluBackward', 'layer1.0', { times: [3] });
    const nameless = step('crossEntropy', '', { times: [1] });
    const { layers } = profileOf(reportOf([stem, multiplying, moving, backward, nameless, late]), peaks, 1);
    expect(layers.map(({ path, level, ms }) => [path, level, ms])).toEqual([
      ['conv1', 1, 7],
      ['layer1', 1, 93],
      ['layer1.0', 2, 93],
      ['layer1.0.conv1', 3, 80],
      ['', 1, 1],
    ]);
    const block = layers.find(({ path }) => path === 'layer1.0');
    expect(block?.phaseMs).toEqual({ forward: 30, backward: 63, update: 0 });
  });

  it('keeps modules apart whose names begin alike', () => {
    const one = step('convolution', 'layer1.conv', { times: [1] });
    const ten = step('convolution', 'layer10.conv', { times: [10] });
    const { layers } = profileOf(reportOf([one, ten]), peaks, 1);
    expect(layers.map(({ path, ms }) => [path, ms])).toEqual([
      ['layer1', 1],
      ['layer1.conv', 1],
      ['layer10', 10],
      ['layer10.conv', 10],
    ]);
  });

  it('holds the arena against its lower bound', () => {
    expect(profileOf(report, peaks, 1).arena).toEqual({ bytes: 1100, lowerBoundBytes: 1000, ratio: 1.1 });
    expect(profileOf(reportOf([], { lowerBoundBytes: 0 }), peaks, 1).arena.ratio).toBe(1);
  });

  it('makes no numbers of nothing', () => {
    const idle = step('relu', 'a', { times: [] });
    expect(profileOf(reportOf([idle]), peaks, 1).steps[0]).toMatchObject({
      ms: 0,
      share: 0,
      gbs: 0,
      ofRoof: 0,
    });
  });
});

describe('phaseOf', () => {
  it.each([
    ['convolution', 'forward'],
    ['batchNormBackward', 'backward'],
    ['linearBackwardData', 'backward'],
    ['sgd', 'update'],
    ['clipNorm', 'update'],
  ])('%s belongs to %s', (op, phase) => {
    expect(phaseOf(op)).toBe(phase);
  });
});
