// The arena of every network in every form: with everything kept, as it is by default, and by segments.
import { describe, expect, it } from 'vitest';
import { networks } from '../../nets/index.ts';
import type { Engine } from '../engine.ts';
import { tryCreateOneDnnEngine } from './index.ts';
import { arenaRatio, formsOf } from './zoo-testing.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;

describe.skipIf(found === undefined)(`the arena${reason === undefined ? '' : ` (${reason})`}`, () => {
  const cases = networks.flatMap((network) =>
    formsOf(network).map((form) => [network.name, form, network] as const),
  );

  it.each(cases)('of %s, form %s, is within a tenth of the least', (_, form, network) => {
    for (const recompute of ['none', undefined, 'segments'] as const)
      expect(arenaRatio(engine, { network, form, what: 'train', recompute })).toBeLessThanOrEqual(1.1);
    expect(arenaRatio(engine, { network, form, what: 'infer' })).toBeLessThanOrEqual(1.1);
  });
});
