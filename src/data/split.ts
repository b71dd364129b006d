// A validation set held out of the training pictures, class by class, so that the test set is looked at only once.
import { UserError } from '../errors.ts';
import { permutation } from './random.ts';

/** 0 to `length` - 1. */
export function allPositions(length: number): Uint32Array {
  const positions = new Uint32Array(length);
  for (let i = 0; i < length; i++) positions[i] = i;
  return positions;
}

/**
 * Divides the pictures with these `labels` in two, disjoint and complete, each list ascending.
 * `amount` below 1 is a fraction, otherwise a number of pictures; exactly round(amount * length) or `amount` are
 * held out, but at least one picture is left to train on. Each class gives its share, rounded so that the total is met (largest remainders first).
 */
export function holdOut(
  labels: ArrayLike<number>,
  amount: number,
  seed: number,
): { train: Uint32Array; validation: Uint32Array } {
  const largest = Math.max(0, labels.length - 1);
  const count = amount < 1 ? Math.min(largest, Math.round(amount * labels.length)) : amount;
  if (!(Number.isInteger(count) && count >= 0 && count <= largest)) {
    throw new UserError(
      `Cannot hold out ${amount} of ${labels.length} pictures: expected a fraction below 1 or a whole number ` +
        'below the number of pictures.',
      { exitCode: 2 },
    );
  }
  const members = new Map<number, number[]>();
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index] as number;
    const list = members.get(label);
    if (list === undefined) members.set(label, [index]);
    else list.push(index);
  }
  const shares = [...members].map(([label, list]) => {
    const exact = (list.length * count) / labels.length;
    return { label, list, taken: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let missing = count - shares.reduce((sum, share) => sum + share.taken, 0);
  shares.sort((a, b) => b.remainder - a.remainder || a.label - b.label);
  for (const share of shares) if (missing > 0 && missing-- > 0) share.taken++;
  const held = new Uint8Array(labels.length);
  for (const { label, list, taken } of shares) {
    const order = permutation(list.length, seed, label);
    for (const position of order.subarray(0, taken)) held[list[position] as number] = 1;
  }
  const train = new Uint32Array(labels.length - count);
  const validation = new Uint32Array(count);
  for (let index = 0, t = 0, v = 0; index < labels.length; index++) {
    if (held[index] === 1) validation[v++] = index;
    else train[t++] = index;
  }
  return { train, validation };
}
