// Counting a test: errors, loss, confusion, and each picture's answer, one picture at a time.
import { type Candidate, rankOf, topCandidates } from './ranking.ts';

/** Result of a test, errors in percent. */
export interface Counts {
  /** Pictures tested. */
  readonly n: number;
  readonly top1Error: number;
  readonly top5Error: number;
  /** Mean cross-entropy, natural logarithm. */
  readonly loss: number;
  readonly seconds: number;
  /** confusion[true class][answer]: pictures. */
  readonly confusion: number[][];
  /** One per picture, in the order of testing. */
  readonly answers: readonly Answer[];
}

export interface Answer {
  /** Position in the data set. */
  readonly index: number;
  readonly label: number;
  /** Classes that were found more probable than the right one. */
  readonly rank: number;
  /** What the right class got. */
  readonly probability: number;
  /** The five most probable classes, or all there are. */
  readonly top: readonly Candidate[];
}

export interface Tally {
  readonly n: number;
  /** Counts the picture `index` of class `label`, whose probabilities stand in `values` from `start` on. */
  add(index: number, label: number, values: ArrayLike<number>, start: number): void;
  /** `meanLoss`: where the caller has it; else it follows from the probabilities. */
  counts(seconds: number, meanLoss?: number): Counts;
}

export function createTally(classes: number): Tally {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const answers: Answer[] = [];
  let [loss, top1, top5] = [0, 0, 0];
  return {
    get n() {
      return answers.length;
    },
    add(index, label, values, start) {
      const rank = rankOf(values, start, classes, label);
      if (rank < 1) top1++;
      if (rank < 5) top5++;
      const top = topCandidates(values, start, classes, 5);
      const row = confusion[label] as number[];
      const answer = (top[0] as Candidate).class;
      row[answer] = (row[answer] as number) + 1;
      const probability = values[start + label] as number;
      loss -= Math.log(probability);
      answers.push({ index, label, rank, probability, top });
    },
    counts(seconds, meanLoss) {
      const n = answers.length;
      return {
        n,
        top1Error: (100 * (n - top1)) / n,
        top5Error: (100 * (n - top5)) / n,
        loss: meanLoss ?? loss / n,
        seconds,
        confusion,
        answers,
      };
    },
  };
}
