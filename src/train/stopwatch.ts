// The clock of one process's part of a training. Speeds count this process's steps only; the time left is what the
// remaining steps take at the pace so far, validations included.

export interface Stopwatch {
  /** A step begins, or the wait for its batch. */
  startStep(): void;
  /** It has ended; gives its speed in pictures per second. */
  endStep(pictures: number): number;
  /** Pictures per second of all steps so far, and of the median step; null before the first. */
  mean(): number | null;
  median(): number | null;
  /** Seconds that the training has taken, those of earlier processes included. */
  seconds(): number;
  etaSeconds(): number;
}

/** `before`: seconds spent by earlier processes; `steps`: how many this one has to take. */
export function createStopwatch(
  before: number,
  steps: number,
  now: () => number = () => performance.now() / 1000,
): Stopwatch {
  const began = now();
  const speeds: number[] = [];
  let stepBegan = began;
  let pictures = 0;
  let stepSeconds = 0;
  return {
    startStep() {
      stepBegan = now();
    },
    endStep(count) {
      const took = Math.max(now() - stepBegan, 1e-9);
      pictures += count;
      stepSeconds += took;
      speeds.push(count / took);
      return count / took;
    },
    mean: () => (speeds.length === 0 ? null : pictures / stepSeconds),
    median() {
      const sorted = speeds.toSorted((a, b) => a - b);
      return sorted.length === 0 ? null : (sorted[Math.floor(sorted.length / 2)] as number);
    },
    seconds: () => before + now() - began,
    etaSeconds() {
      const done = speeds.length;
      return done === 0 ? Number.POSITIVE_INFINITY : ((now() - began) / done) * Math.max(0, steps - done);
    },
  };
}
