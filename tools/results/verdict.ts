// What two runs say of a claim. A test error over n pictures has the standard error sqrt(p (1 - p) / n) from the choice
// of the pictures alone; a difference counts when it is twice that of the difference. One seed says nothing of the
// spread between seeds, which is larger: the words are careful.

/** Errors in percent. */
export interface Measured {
  readonly error: number;
  readonly pictures: number;
}

export interface Verdict {
  readonly word: 'as claimed' | 'undecided' | 'contradicted';
  /** The disfavoured run's error less the favoured one's, in points, and its standard error. */
  readonly difference: number;
  readonly deviation: number;
}

export function verdictOf(favoured: Measured, other: Measured): Verdict {
  const variance = ({ error, pictures }: Measured): number => (error * (100 - error)) / pictures;
  const deviation = Math.sqrt(variance(favoured) + variance(other));
  const difference = other.error - favoured.error;
  const word =
    Math.abs(difference) <= 2 * deviation ? 'undecided' : difference > 0 ? 'as claimed' : 'contradicted';
  return { word, difference, deviation };
}

/** Mean distance of two curves, place by place. */
export function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, place) => sum + Math.abs(value - (b[place] ?? Number.NaN)), 0) / a.length;
}
