// Ranks take the steps that one process takes with the whole batch. The longer proofs are in `ranks-steps.slow.test.ts`.
import { describe, it } from 'vitest';
import { launchers } from '../src/distribute/testing.ts';
import { expectSame } from './ranks.ts';

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
