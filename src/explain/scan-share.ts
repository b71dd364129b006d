// A scan that ranks share: each has the strongest activations of its own pictures, and rank 0 brings them together. Ties
// are settled as in one process, so that the lists are the same.
import type { Ranks } from '../distribute/ranks.ts';
import { createTopList, mergeTop, type TopList } from './top-list.ts';

/** Puts into rank 0's list what all have found, and empties the others'; on all ranks. */
export function bringTogether(top: TopList, ranks: Ranks): void {
  if (ranks.size === 1) return;
  const { units, size } = top;
  const names = ['values', 'pictures', 'rows', 'columns', 'active'] as const;
  const found = ranks.gather(names.map((name) => Array.from(top[name])));
  if (ranks.leads) {
    for (const lists of found.slice(1)) {
      const other = createTopList(units, size);
      for (const [place, name] of names.entries()) other[name].set(lists[place] as number[]);
      mergeTop(top, other);
    }
  } else {
    const empty = createTopList(units, size);
    for (const name of names) top[name].set(empty[name]);
  }
}
