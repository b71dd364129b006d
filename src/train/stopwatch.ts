// The clock of one process's part of a training. Speeds count this process's steps only; the time left is what the
// remaining steps take at the pace so far, validations included.

export interface Stopwatch {
  /** A step begins, or the wait for its batch. */
  startStep(): void;
  /** It has ended; gives its speed in pictures per second. */
  endStep(pictures: number): number;
  /** The process was stopped for so many seconds until a moment ago: they belong to no step and to no training. */
  pause(seconds: number): void;
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
  let began = now();
  const speeds: number[] = [];
  let stepBegan = began;
  let pictures = 0;
  let stepSeconds = 0;
  let lastTook = 0;
  let underWay = false;
  return {
    startStep() {
      stepBegan = now();
      underWay = true;
    },
    endStep(count) {
      const took = Math.max(now() - stepBegan, 1e-9);
      pictures += count;
      stepSeconds += took;
      lastTook = took;
      underWay = false;
      speeds.push(count / took);
      return count / took;
    },
    pause(seconds) {
      began += seconds;
      // It lies in the step under way; what does not fit into that one lies in the one before, which has just ended.
      const inStep = underWay ? Math.min(seconds, now() - stepBegan) : 0;
      stepBegan += inStep;
      const before = Math.min(seconds - inStep, lastTook);
      stepSeconds -= before;
      lastTook -= before;
    },
    mean: () => (speeds.length === 0 ? null : pictures / Math.max(stepSeconds, 1e-9)),
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
