// The trained GoogLeNet in eight bits on a thousand pictures of ImageNet (skipped where they are not at hand): less than
// a point of top-1 accuracy is lost.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { quantise } from '../src/quantise/quantise.ts';
import { absent, samples, weights } from './googlenet-samples.ts';

describe.skipIf(absent)('GoogLeNet in eight bits (where its weights lie in ../shared/data)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-int8-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('loses less than a point of top-1 accuracy', async () => {
    const out = join(folder, 'int8.safetensors');
    await quantise({ network: 'googlenet', weights, data: samples, pictures: 64, out });
    const ask = { network: 'googlenet', data: samples, dtype: 'f32' } as const;
    const full = await evaluate({ ...ask, weights });
    const quantised = await evaluate({ ...ask, weights: out });
    expect(quantised.n).toBe(1000);
    expect(quantised.top1Error - full.top1Error).toBeLessThan(1);
    expect(quantised.top5Error - full.top5Error).toBeLessThan(1);
  });
});
