import { describe, expect, it } from 'vitest';
import { profileOf } from '../src/engines/profile/profile.ts';
import { reportOf, step } from '../src/engines/profile/testing.ts';
import { kindOf, summarise } from './roofline.ts';

const peaks = { gflops: { f32: 100 }, copyGBs: 10 };

describe('summarise', () => {
  // 10^9 operations take 10 ms at least, 10^8 bytes as long.
  const profile = profileOf(
    reportOf([
      step('convolution', 'a', { macs: 5e8, times: [20] }),
      step('convolution', 'b', { macs: 5e8, times: [20] }),
      step('convolutionBackwardWeights', 'a', { macs: 5e8, times: [50] }),
      step('relu', 'a', { bytes: 1e8, times: [10] }),
    ]),
    peaks,
    1,
  );

  it('gives each kind of step its share, and how near to the roof it is', () => {
    const { kinds, leastMs } = summarise(profile);
    expect(leastMs).toBeCloseTo(40);
    expect(kinds.forward?.share).toBeCloseTo(40);
    expect(kinds.forward?.ofRoof).toBeCloseTo(50);
    expect(kinds['weight gradients']?.ofRoof).toBeCloseTo(20);
    expect(kinds['the rest']).toEqual({ share: 10, ofRoof: 100 });
    expect(kinds['data gradients']).toBeUndefined();
  });

  it('counts what caches serve as taking the time that it takes, not more', () => {
    const cached = profileOf(reportOf([step('relu', 'a', { bytes: 4e8, times: [10] })]), peaks, 1);
    expect(cached.steps[0]?.ofRoof).toBeCloseTo(400);
    expect(summarise(cached).leastMs).toBe(10);
  });
});

describe('kindOf', () => {
  it.each([
    ['linearBackwardData', 1, 'data gradients'],
    ['convolutionBackwardWeights', 1, 'weight gradients'],
    ['linear', 1, 'forward'],
    ['sgd', 0, 'the rest'],
  ])('%s with %i operations is %s', (op, flops, kind) => {
    expect(kindOf({ op, flops })).toBe(kind);
  });
});
