import { describe, expect, it } from 'vitest';
import type { FirstLook } from './first-look.ts';
import { type Circumstances, earlyWarnings, laterWarnings } from './rules.ts';

const healthy: FirstLook = {
  pictures: 32,
  loss: 2.4,
  slopes: [
    { path: 'conv1', weight: 2, gradient: 0.1 },
    { path: 'fc', weight: 3, gradient: 0.05 },
  ],
  rectified: [
    { path: 'conv1', units: 64, dead: 10, maps: true },
    { path: 'fc6', units: 100, dead: 50, maps: false },
  ],
  channels: [{ mean: 0.2, deviation: 0.9 }],
};
const usual: Circumstances = { classes: 10, learningRate: 0.1, fresh: true, scaled: true, labelSmoothing: 0 };

function warn(changes: Partial<FirstLook>, circumstances: Partial<Circumstances> = {}): string[] {
  return earlyWarnings({ ...healthy, ...changes }, { ...usual, ...circumstances });
}

describe('earlyWarnings', () => {
  it('says nothing of a healthy start', () => {
    expect(warn({})).toEqual([]);
  });

  it('tells a first loss that is no guess, in both directions', () => {
    expect(warn({ loss: 40 })).toEqual([
      expect.stringMatching(/loss at the start is 40\.00;.*10 classes costs 2\.30/),
    ]);
    expect(warn({ loss: 0.3 })).toEqual([expect.stringMatching(/cannot know so much/)]);
    expect(warn({ loss: 0.3 }, { fresh: false })).toEqual([]);
    expect(warn({ loss: Number.NaN })).toEqual([expect.stringMatching(/not finite/)]);
    // A thousand classes cost 6.9 to guess.
    expect(warn({ loss: 6.9 }, { classes: 1000 })).toEqual([]);
    expect(warn({ loss: 6.9 }, { classes: 10 })).toHaveLength(1);
  });

  it('counts smoothed labels as what they cost a guess', () => {
    expect(warn({ loss: 2.31 }, { labelSmoothing: 0.1 })).toEqual([]);
    expect(warn({ loss: 40 }, { labelSmoothing: 0.1 })[0]).toMatch(/costs 2\.30, smoothed labels or not/);
  });

  it('names layers whose gradients vanish or explode', () => {
    const slopes = [{ path: 'conv1', weight: 2, gradient: 1e-8 }, ...healthy.slopes.slice(1)];
    expect(warn({ slopes })).toEqual([expect.stringMatching(/vanish in 1 of 2 layers .*conv1 5e-9/)]);
    const steep = [{ path: 'conv1', weight: 2, gradient: 1e4 }, ...healthy.slopes.slice(1)];
    expect(warn({ slopes: steep })).toEqual([expect.stringMatching(/explode in 1 of 2 layers .*conv1 5000/)]);
    expect(warn({ slopes: steep }, { learningRate: 1e-4 })).toEqual([]);
    const lost = [{ path: 'conv1', weight: 2, gradient: Number.NaN }];
    expect(warn({ slopes: lost })).toEqual([expect.stringMatching(/explode .*NaN/)]);
    expect(warn({ slopes: [{ path: 'zero', weight: 0, gradient: 0 }] })).toEqual([]);
  });

  it('names layers whose units are mostly silent, by what is usual for them', () => {
    const dead = [{ path: 'conv1', units: 64, dead: 40, maps: true }];
    expect(warn({ rectified: dead })).toEqual([
      expect.stringMatching(/dead ReLUs in 1 of 1 layers.*conv1 40 of 64/),
    ]);
    expect(warn({ rectified: [{ path: 'fc6', units: 100, dead: 60, maps: false }] })).toEqual([]);
    expect(warn({ rectified: [{ path: 'fc6', units: 100, dead: 95, maps: false }] })).toHaveLength(1);
    expect(warn({ rectified: [{ path: 'squeeze', units: 4, dead: 4, maps: false }] })).toEqual([]);
  });

  it('names channels that are not normalised', () => {
    const bytes = [
      { mean: 120, deviation: 64 },
      { mean: 110, deviation: 60 },
      { mean: 0, deviation: 1 },
    ];
    expect(warn({ channels: bytes })).toEqual([
      expect.stringMatching(/red has mean 120, deviation 64; green has mean 110, deviation 60 \(/),
    ]);
    expect(warn({ channels: [{ mean: 0.45, deviation: 0.25 }] })).toHaveLength(1);
    expect(warn({ channels: [{ mean: -1, deviation: 0 }] })).toHaveLength(1);
    // AlexNet's recipe takes the mean off pixels in 0..255 and does not divide.
    expect(warn({ channels: [{ mean: 4, deviation: 64 }] }, { scaled: false })).toEqual([]);
    expect(warn({ channels: [{ mean: 120, deviation: 64 }] }, { scaled: false })).toHaveLength(1);
  });

  it('lists three layers of many', () => {
    const rectified = Array.from({ length: 5 }, (_, i) => ({
      path: `conv${i}`,
      units: 8,
      dead: 8,
      maps: true,
    }));
    expect(warn({ rectified })[0]).toMatch(/conv0 8 of 8, conv1 8 of 8, conv2 8 of 8, and 2 more;/);
  });
});

describe('laterWarnings', () => {
  it('tells of silent units alone', () => {
    const rectified = [{ path: 'conv1', units: 64, dead: 60, maps: true }];
    expect(laterWarnings({ ...healthy, loss: 99, rectified }, 1)).toEqual([
      expect.stringMatching(/dead ReLUs after epoch 1 in 1 of 1 layers.*60 of 64/),
    ]);
    expect(laterWarnings(healthy, 1)).toEqual([]);
  });
});
