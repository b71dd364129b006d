// The ranks of a training as the trainer sees them. One process alone is a group of one, whose sums are its own
// numbers, so that the trainer has no second way. Every function but `leads` and `part` is called by all ranks, in the
// same order: one that is left out somewhere waits for ever.
import { hostname } from 'node:os';
import { partOf, type RankShare } from '../data/part.ts';
import { coresOfProcess, type OwnCores, shareOfCores } from './cores.ts';
import { createExchange, type RankExchange, type Wire } from './exchange.ts';
import { type Group, joinGroup } from './group.ts';
import { launchOf } from './mpi/library.ts';

export interface Ranks extends RankShare {
  /** Whether this rank prints and writes: rank 0. */
  readonly leads: boolean;
  /** `Open MPI 4.1.4`; absent for one process alone. */
  readonly mpi?: string;
  readonly wire: Wire;
  /** What carries the gradients; absent for one process alone. */
  readonly exchange: RankExchange | undefined;
  /** Cores of this machine that are this rank's, where several share it; absent: all that there are. */
  readonly cores?: number;
  /** What is worth a line about how the ranks were started. */
  readonly notes: readonly string[];
  /** This rank's part of so many. */
  part(total: number): { readonly first: number; readonly count: number };
  /** The sums over the ranks, by place. */
  sum(...numbers: number[]): number[];
  /** What rank 0 makes (it is asked alone), on all of them; it goes through JSON. */
  told<T>(make: () => T): T;
  /** What each rank has, by rank; it goes through JSON. */
  gather<T>(own: T): T[];
  /** The numbers of each rank, by rank, each in `room` places. */
  gatherNumbers(own: Float32Array, room: number): Float32Array[];
  /** Numbers of rank 0 in place of those of the others. */
  share(numbers: Float32Array): void;
  /** Sums of numbers over the ranks, in place. */
  add(numbers: Float32Array): void;
  /** Runs it on rank 0 first, then on the others all at once: what it leaves behind is made once. */
  leaderFirst<T>(run: () => Promise<T>): Promise<T>;
  /** Runs something during which no rank loses its patience with one that works by itself. */
  patiently<T>(run: () => T): T;
  /** Ends all ranks at once. */
  abort(exitCode: number): void;
  /** Leaves in good order. */
  leave(): void;
}

/** One process by itself. */
export const alone: Ranks = {
  rank: 0,
  size: 1,
  leads: true,
  wire: 'f32',
  exchange: undefined,
  notes: [],
  part: (total) => ({ first: 0, count: total }),
  sum: (...numbers) => numbers,
  told: (make) => make(),
  gather: (own) => [own],
  gatherNumbers: (own) => [own],
  share: () => {},
  add: () => {},
  leaderFirst: (run) => run(),
  patiently: (run) => run(),
  abort: () => {},
  leave: () => {},
};

export interface RanksOptions {
  /** In what numbers gradients travel; default f32. */
  readonly wire?: Wire | undefined;
  /** How long a rank that does not answer is waited for; default 120. */
  readonly patienceSeconds?: number | undefined;
}

let joined: Ranks | undefined;

/** The ranks that this process was started with; itself alone where no launcher started it, or only one rank. */
export function joinRanks({ wire = 'f32', patienceSeconds }: RanksOptions = {}): Ranks {
  if ((launchOf()?.size ?? 1) === 1) return alone;
  joined ??= ranksOf(joinGroup({ ...(patienceSeconds && { patienceSeconds }) }), wire);
  return joined;
}

/** The ranks that this process has joined, if any. */
export function joinedRanks(): Ranks | undefined {
  return joined;
}

export function ranksOf(group: Group, wire: Wire): Ranks {
  const { rank, size } = group;
  const leads = rank === 0;
  const gather = <T>(own: T): T[] =>
    // JSON has no word for undefined.
    group.gatherTexts(JSON.stringify({ own })).map((text) => (JSON.parse(text) as { own: T }).own);
  const told = <T>(make: () => T): T => gather(leads ? make() : undefined)[0] as T;
  const all = gather<OwnCores>({ host: hostname(), cores: coresOfProcess() });
  const { cores, note } = shareOfCores(all, rank);
  return {
    rank,
    size,
    leads,
    mpi: group.version,
    wire,
    exchange: createExchange(group, wire),
    cores,
    notes: note === undefined ? [] : [note],
    part: (total) => partOf(total, { rank, size }),
    sum(...numbers) {
      const sums = Float64Array.from(numbers);
      group.sum(sums);
      return [...sums];
    },
    told,
    gather,
    gatherNumbers(own, room) {
      const padded = new Float32Array(room);
      padded.set(own);
      const all = new Float32Array(room * size);
      group.wait(group.startAllGather(padded, all), 'bringing together what the ranks have');
      return Array.from({ length: size }, (_, r) => all.subarray(r * room, (r + 1) * room));
    },
    share: (numbers) => group.broadcast(numbers, 0),
    add: (numbers) => group.sum(numbers),
    async leaderFirst(run) {
      const early = leads ? await run() : undefined;
      group.patiently(() => told(() => true));
      return leads ? (early as Awaited<ReturnType<typeof run>>) : run();
    },
    patiently: (run) => group.patiently(run),
    abort: (exitCode) => group.abort(exitCode),
    leave: () => group.finalize(),
  };
}
