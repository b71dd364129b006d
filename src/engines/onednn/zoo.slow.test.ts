// Every network in every form: the arena with everything kept, as it is by default, and by segments; and that no step
// is computed by the library's reference implementations.
import { describe, expect, it } from 'vitest';
import { networks } from '../../nets/index.ts';
import type { Engine } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';
import { arenaRatio, formsOf, logitsApart, referenceSteps } from './zoo-testing.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;

const cases = networks.flatMap((network) =>
  formsOf(network).map((form) => [network.name, form, network] as const),
);

describe.skipIf(found === undefined)(`the arena${reason === undefined ? '' : ` (${reason})`}`, () => {
  it.each(cases)('of %s, form %s, is within a tenth of the least', (_, form, network) => {
    for (const recompute of ['none', undefined, 'segments'] as const)
      expect(arenaRatio(engine, { network, form, what: 'train', recompute })).toBeLessThanOrEqual(1.1);
    expect(arenaRatio(engine, { network, form, what: 'infer' })).toBeLessThanOrEqual(1.1);
  });
});

describe.skipIf(found === undefined || process.arch !== 'x64')('the steps', () => {
  it.each(cases)('of %s, form %s, are none of them computed by reference', (_, form, network) => {
    for (const what of ['infer', 'train'] as const)
      expect(referenceSteps(engine, { network, form, what })).toEqual([]);
  });
});

const hasBf16 = found?.describe().dtypes.includes('bf16') ?? false;

describe.skipIf(!hasBf16)('logits in bf16 (where the library computes in it)', () => {
  it.each(cases)('of %s, form %s, are near those in f32', (_, form, network) => {
    const { inBf16, ofRoundedPicture } = logitsApart(engine, network, form);
    expect(inBf16).toBeGreaterThan(0);
    expect(inBf16).toBeLessThan(Math.max(0.05, 8 * ofRoundedPicture));
  });
});
