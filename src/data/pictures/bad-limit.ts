// Skipping bad pictures must not hide that a data set is broken: in an epoch no more than 1 % of the pictures met so far
// may be bad. The first thousand pictures count as met from the beginning (or the whole epoch, where it is shorter), so
// that one bad picture among the first ten stops nothing.
import { UserError } from '../../errors.ts';
import type { BadPictureReport } from './picture-batch.ts';
import { badPictureError } from './render/bad-picture.ts';

const share = 0.01;
const grace = 1000;

/** Whether `bad` pictures are too many of the `met` ones of so many in all. */
export function tooMany(bad: number, met: number, all: number): boolean {
  return bad > share * Math.max(met, Math.min(grace, all));
}

/** Counts the pictures of an epoch, tells of each bad one once, and throws a UserError when it is enough. */
export function createBadLimit(options: {
  readonly source: string;
  readonly picturesPerEpoch: number;
  readonly nameOf: (picture: number) => string;
  readonly onBad: ((name: string, reason: string) => void) | undefined;
}): (count: number, reports: readonly BadPictureReport[] | undefined, fresh: boolean) => void {
  const { source, picturesPerEpoch, nameOf, onBad } = options;
  const told = new Set<number>();
  let met = 0;
  let bad = 0;
  return (count, reports = [], fresh) => {
    if (fresh) {
      met = 0;
      bad = 0;
    }
    met += count + reports.filter(({ fatal }) => !fatal).length;
    for (const { picture, reason, fatal } of reports) {
      const name = nameOf(picture);
      if (fatal) throw badPictureError(name, reason);
      bad++;
      if (!told.has(picture)) {
        told.add(picture);
        onBad?.(name, reason);
      }
      if (tooMany(bad, met, picturesPerEpoch)) {
        throw new UserError(
          `${source}: ${bad} of the first ${met} pictures of the epoch cannot be used, more than 1 %; the last one ` +
            `is ${name} (${reason}). Something is wrong with the data; mend or remove these files.`,
        );
      }
    }
  };
}
