// The seed of a step's dropout masks: a function of the run's seed and the step alone, so that a run taken up again
// drops the same units.
import { hash32 } from '../data/random.ts';

/** Tells these draws from others of the same seed. */
const stream = 0xd20;

/** For step `step` of a run, counted from 0. */
export function dropoutSeedOf(seed: number, step: number): number {
  return hash32(seed, step, stream) & 0x7fffffff;
}
