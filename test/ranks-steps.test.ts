// Ranks take the steps that one process takes with the whole batch. The longer proofs are in `ranks-steps.slow.test.ts`.
import { describe, expect, it } from 'vitest';
import { launchers } from '../src/distribute/testing.ts';
import { expectSame, stepsOfRanks } from './ranks.ts';

const minutes = { timeout: 180_000 };

describe.skipIf(launchers.length === 0)('steps of ranks (skipped where there is no MPI)', () => {
  for (const launcher of launchers) {
    it.each([2, 4])(`LeNet, %i ranks, ${launcher.name}`, minutes, async (ranks) => {
      // 7 pictures: parts differ in size.
      await expectSame(
        { network: 'lenet', batch: 7, steps: 10, rate: 0.01, tolerance: 1e-5 },
        launcher,
        ranks,
      );
    });
  }

  it('gather gradients over two steps, and send them once', minutes, async () => {
    const proof = { network: 'lenet', batch: 7, steps: 10, rate: 0.01, tolerance: 1e-5 };
    const gathering = { ...proof, flags: ['accumulate'] };
    const [first] = launchers as [(typeof launchers)[number]];
    await expectSame(gathering, first, 3);
    const [plain, gathered] = [await stepsOfRanks(proof, first, 2), await stepsOfRanks(gathering, first, 2)];
    expect(gathered.traffic?.bytes).toBe((plain.traffic?.bytes ?? 0) / 2);
  });

  it('three ranks and two pictures: one has none', minutes, async () => {
    const proof = { network: 'lenet', batch: 2, steps: 3, rate: 0.01, tolerance: 1e-5 };
    await expectSame(proof, launchers[0] as (typeof launchers)[number], 3);
  });

  it('ResNet-20 with synchronised batch norm, in f64', minutes, async () => {
    const proof = { network: 'resnet20', batch: 2, steps: 2, rate: 0.01, tolerance: 1e-12 };
    // The third rank has no picture, and no part in the statistics.
    await expectSame({ ...proof, flags: ['sync', 'f64'] }, launchers[0] as (typeof launchers)[number], 3);
  });
});
