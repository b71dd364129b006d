// Two ways held against each other, on a machine whose clock and neighbours change from one moment to the next.
import { median } from '../../../median.ts';
import type { Trial } from './trial.ts';

/** Rounds of a comparison: as many as fit, and within these. */
const comparisonMs = 150;
const [fewestRounds, mostRounds, mostColdRounds] = [3, 15, 11];
/** Bytes that memory gives in a millisecond, roughly, and the share of a run that reading weights from it has to be. */
const bytesPerMs = 10_000_000;
const coldShare = 0.03;
/** What takes so many times as long in each of the fewest rounds gets no other; one run alone may have been disturbed. */
const hopeless = 1.5;

/** Milliseconds of both in turns. */
export function alternate(own: Trial, other: Trial): [number[], number[]] {
  const first = [own.run(), other.run()] as const;
  // In a network other weights have been read since these were last: where that takes long, it belongs to the time.
  const readMs = Math.max(own.weightBytes, other.weightBytes) / bytesPerMs;
  const cold = readMs > coldShare * Math.min(...first);
  const ownTimes = [cold ? own.run(true) : first[0]];
  const otherTimes = [cold ? other.run(true) : first[1]];
  const round = (ownTimes[0] as number) + (otherTimes[0] as number);
  const most = cold ? mostColdRounds : mostRounds;
  const rounds = Math.max(fewestRounds, Math.min(most, Math.floor(comparisonMs / round)));
  const isHopeless = (): boolean =>
    ownTimes.length >= fewestRounds && otherTimes.every((ms, i) => ms > hopeless * (ownTimes[i] as number));
  while (ownTimes.length < rounds && !isHopeless()) {
    ownTimes.push(own.run(cold));
    otherTimes.push(other.run(cold));
  }
  return [ownTimes, otherTimes];
}

/**
 * How many times as long the others took, as runs in turns: each in units of the own ones right before and after it, for the
 * clock and the neighbours of a machine change from one moment to the next; and of these the median, for some are disturbed.
 */
export function ratioOf(others: readonly number[], own: readonly number[]): number {
  return median(
    others.map((ms, i) => {
      const before = own[i] as number;
      return (2 * ms) / (before + (own[i + 1] ?? before));
    }),
  );
}
