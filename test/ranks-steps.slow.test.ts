// Ranks take the steps that one process takes with the whole batch: ten of them, under each MPI. In f32 a sum that is
// made in another order moves an input of a ReLU across its kink now and then, from where trajectories part, of ranks as
// of threads; a small rate keeps ResNet-18's losses together, and in f64 there is no such difference.
import { describe, it } from 'vitest';
import { launchers } from '../src/distribute/testing.ts';
import { differenceOfOrders, expectSame, type Proof } from './ranks.ts';

const proofs: readonly Proof[] = [
  { network: 'lenet', batch: 32, steps: 10, rate: 0.01, tolerance: 1e-5 },
  { network: 'alexnet', batch: 8, steps: 10, rate: 0.01, tolerance: 1e-5 },
  {
    network: 'resnet18',
    batch: 32,
    steps: 10,
    rate: 1e-5,
    flags: ['sync'],
    tolerance: 1e-5,
    lossesOnly: true,
  },
  {
    ...{ network: 'resnet20', batch: 8, steps: 10, rate: 0.01, flags: ['sync', 'f64'] },
    tolerance: 1e-12,
    momentum: true,
  },
  // A sum on a wire of bfloat16 is rounded twice, by 2^-9 each; where parts cancel out, it is more of what remains.
  {
    ...{ network: 'alexnet', batch: 8, steps: 10, rate: 0.01, flags: ['bf16'] },
    tolerance: 1e-2,
    momentum: true,
  },
];

describe.skipIf(launchers.length === 0)('ten steps of ranks (skipped where there is no MPI)', () => {
  for (const proof of proofs) {
    for (const launcher of launchers) {
      it.each([2, 4])(
        `${proof.network} ${(proof.flags ?? []).join(' ')}, %i ranks, ${launcher.name}`,
        { timeout: 15 * 60_000 },
        async (ranks) => {
          const largest = await expectSame(proof, launcher, ranks);
          console.log(`largest relative difference: ${largest.toExponential(1)}`);
        },
      );
    }
  }

  // At ten times that rate one process is 2e-5 to 3e-5 from itself with another number of threads (AVX2) or other
  // instructions (AVX-512), and so no ranks can be nearer: sums of statistics and of their gradients in double precision
  // change nothing in that.
  for (const launcher of launchers) {
    it.each([2, 4])(
      `resnet18 at a rate of 1e-4 is as near to one process as that to itself, %i ranks, ${launcher.name}`,
      { timeout: 15 * 60_000 },
      async (ranks) => {
        const proof = { network: 'resnet18', batch: 32, steps: 10, rate: 1e-4, lossesOnly: true };
        const orders = await differenceOfOrders({ ...proof, tolerance: 1 });
        const largest = await expectSame(
          { ...proof, flags: ['sync'], tolerance: 2 * orders },
          launcher,
          ranks,
        );
        console.log(`ranks ${largest.toExponential(1)}, other orders ${orders.toExponential(1)}`);
      },
    );
  }
});
