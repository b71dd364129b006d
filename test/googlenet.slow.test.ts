// The trained GoogLeNet on a thousand pictures of ImageNet, one per class (skipped where they are not at hand). An
// independent implementation has 73.8 / 92.4 % over the same files.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { absent, samples, weights } from './googlenet-samples.ts';

describe.skipIf(absent)('GoogLeNet on a thousand samples (where they lie in ../shared/data)', () => {
  const given = { network: 'googlenet', weights, data: samples, dtype: 'f32' } as const;
  let top5 = 0;

  it('has the known accuracy with one crop', async () => {
    const { n, top1Error, top5Error, protocol } = await evaluate(given);
    expect(n).toBe(1000);
    expect(Math.abs(100 - top1Error - 73.8)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(100 - top5Error - 92.4)).toBeLessThanOrEqual(0.5);
    expect(protocol.crops).toBe('one crop: short side 256, centre 224x224');
    top5 = top5Error;
  });

  it('is better with ten', async () => {
    const { top5Error, protocol } = await evaluate({ ...given, crops: '10' });
    expect(top5Error).toBeLessThan(top5);
    expect(protocol.members[0]?.views).toBe(10);
  });
});
