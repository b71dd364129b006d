// The part of a batch that one of several ranks makes: of B places rank r of N has those from floor(r B / N) to before
// floor((r + 1) B / N). Ranks so make each picture of a batch once, in the order in which one process has them.

/** One of `size` ranks. */
export interface RankShare {
  readonly rank: number;
  readonly size: number;
}

/** The one process that makes whole batches. */
export const wholeShare: RankShare = { rank: 0, size: 1 };

/** Where the rank's part of `total` places begins, and how many it has. */
export function partOf(total: number, { rank, size }: RankShare): { first: number; count: number } {
  const first = Math.floor((rank * total) / size);
  return { first, count: Math.floor(((rank + 1) * total) / size) - first };
}

/** What a loader is to know of its batches to tell the parts of one. */
export interface BatchDivision {
  /** Places of a whole batch. */
  readonly batch: number;
  readonly part: RankShare;
  /** Whether a last batch that is not full has the places of a full one. */
  readonly padded: boolean;
}

export interface BatchPart {
  /** Pictures of the whole batch. */
  readonly whole: number;
  /** Pictures of the batch that come before this part's. */
  readonly first: number;
  /** Pictures of this part; may be none. */
  readonly count: number;
  /** Places of this part: `count`, or more where it is padded. */
  readonly places: number;
}

/** The part of batch `index` of an epoch of `pictures`. */
export function partOfBatch(
  { batch, part, padded }: BatchDivision,
  pictures: number,
  index: number,
): BatchPart {
  const whole = Math.min(batch, pictures - index * batch);
  const { first, count: places } = partOf(padded ? batch : whole, part);
  const count = Math.max(0, Math.min(places, whole - first));
  return { whole, first, count, places };
}

/** Places that any part of a batch may take. */
export function mostPlaces({ batch, part }: Pick<BatchDivision, 'batch' | 'part'>): number {
  return Math.ceil(batch / part.size);
}

/** Where the picture stands in the whole batch that the first one of a part is mixed with; undefined: in the part. */
export function partnerOutside({ whole, first, count }: BatchPart): number | undefined {
  return count > 0 && count < whole ? (first + whole - 1) % whole : undefined;
}
