// Ranking classes by probability. Equal probabilities rank by the lower class index: bf16 logits tie often enough
// that any rule in the label's favour would show in a result.

export interface Candidate {
  readonly class: number;
  readonly probability: number;
}

/** How many classes come before `label` among `count` values from `start` on. */
export function rankOf(values: ArrayLike<number>, start: number, count: number, label: number): number {
  const own = values[start + label] as number;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const value = values[start + i] as number;
    // Written so that NaN, for itself or another, counts against the label.
    if (!(value < own || (value === own && i >= label))) before++;
  }
  return before;
}

/** The `most` largest of `count` values from `start` on, largest first. */
export function topCandidates(
  values: ArrayLike<number>,
  start: number,
  count: number,
  most: number,
): Candidate[] {
  const top: Candidate[] = [];
  for (let i = 0; i < count; i++) {
    const probability = values[start + i] as number;
    const last = top[top.length - 1];
    if (top.length === most && last !== undefined && !(probability > last.probability)) continue;
    let place = top.length;
    while (place > 0 && probability > (top[place - 1] as Candidate).probability) place--;
    top.splice(place, 0, { class: i, probability });
    if (top.length > most) top.pop();
  }
  return top;
}
