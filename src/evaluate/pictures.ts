// Which pictures of a data set are for testing. A source without splits of its own (a plain folder of class folders)
// gets a test part that depends on nothing but its labels, so that training and every later test agree on it.
import type { Dataset, Split } from '../data/dataset.ts';
import { allPositions, holdOut } from '../data/split.ts';

export const undividedTestShare = 0.1;

/** The positions in `dataset` of the pictures that `split` means. */
export function picturesOf(
  dataset: Pick<Dataset, 'length' | 'labels' | 'undivided'>,
  split: Split,
): Uint32Array {
  if (!dataset.undivided) return allPositions(dataset.length);
  const { train, validation } = holdOut(dataset.labels, undividedTestShare, 0);
  return split === 'test' ? validation : train;
}
