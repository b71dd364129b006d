// Notices that a training has gone wrong: a loss that is not finite, or one that stays far above what guessing gives.
// Guessing evenly costs ln(classes); ten times that, twenty steps in a row, no healthy training shows.

const factor = 10;
const patience = 20;

export interface LossGuard {
  /** Takes the loss of a step; returns what is wrong, as the end of "The loss ...", or undefined. */
  check(loss: number): string | undefined;
  /** Whether the last losses were too high (but not for long enough): no moment for a checkpoint. */
  readonly suspicious: boolean;
}

export function createLossGuard(classes: number): LossGuard {
  const limit = factor * Math.log(Math.max(2, classes));
  let above = 0;
  return {
    check(loss) {
      if (Number.isNaN(loss)) return 'is not a number (NaN)';
      if (!Number.isFinite(loss)) return 'is infinite';
      above = loss > limit ? above + 1 : 0;
      if (above < patience) return undefined;
      return `has been above ${limit.toFixed(1)} for ${patience} steps (guessing gives ${(limit / factor).toFixed(1)})`;
    },
    get suspicious() {
      return above > 0;
    },
  };
}
