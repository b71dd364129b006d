// How far averaged weights follow the trained ones, as a pure function of the update, so that a run taken up again
// needs no count of its own: average += share (weights - average).
import type { AveragePlan } from './recipes/recipe.ts';

/** The share of update number `update` (from 1); `firstUpdate`: updates before the plan's `fromEpoch`. */
export function averageShare(plan: AveragePlan, update: number, firstUpdate: number): number {
  if (plan.kind === 'ema') return 1 - Math.min(plan.decay, (1 + update) / (10 + update));
  // Before its time the average is the weights themselves.
  return 1 / Math.max(1, update - firstUpdate);
}
