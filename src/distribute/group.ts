// The ranks of a distributed run as the rest of Laurel sees them: sums, broadcasts and agreements that end, or say why
// they do not. A rank that hangs keeps all others waiting; after `patienceSeconds` those that wait call the roll, name
// the ones that do not answer and end the run. A rank that dies is the launcher's business: it ends the others.
import { UserError } from '../errors.ts';
import { joinMpi, type Mpi, type Numbers, type Transfer } from './mpi/mpi.ts';

export interface Group {
  readonly rank: number;
  readonly size: number;
  /** Among the ranks of this machine, and how many they are. */
  readonly localRank: number;
  readonly localSize: number;
  /** `Open MPI 4.1.4`. */
  readonly version: string;
  /** Starts a sum over all ranks, in place; `wait` for it before the numbers are used. */
  startSum(numbers: Numbers): Transfer;
  startSend(numbers: Numbers, to: number, tag: number): Transfer;
  startReceive(numbers: Numbers, from: number, tag: number): Transfer;
  startAllGather(own: Numbers, all: Numbers): Transfer;
  startAllToAll(own: Numbers, all: Numbers): Transfer;
  /** Waits for the end of a transfer; gives the milliseconds that this took. */
  wait(transfer: Transfer, what: string): number;
  /** Sums over all ranks, in place. */
  sum(numbers: Numbers): void;
  /** The numbers of rank `root`, in place. */
  broadcast(numbers: Numbers, root: number): void;
  /** What each rank says, by rank. */
  gatherTexts(text: string): string[];
  /** Runs something during which no rank loses its patience: one of them has long work to do by itself. */
  patiently<T>(run: () => T): T;
  /** Ends every rank, as soon as the launcher has heard what this one had to say. */
  abort(exitCode: number): void;
  /** Leaves in good order. */
  finalize(): void;
}

export interface GroupOptions {
  /** How long a rank is waited for before the roll is called; default `defaultPatienceSeconds`. */
  readonly patienceSeconds?: number;
}

export const defaultPatienceSeconds = 120;

/** How long an answer to the roll may take. */
const rollCallSeconds = 3;
const rollCallTag = 0x7011;

/** Waiting burns the core at first, as an answer is often microseconds away, then sleeps between looks. */
const spinMs = 2;
const napMs = 0.2;

/** Joins the ranks that were started together. Throws a UserError when MPI is not there. */
export function joinGroup(options: GroupOptions = {}): Group {
  return groupOf(joinMpi(), options);
}

export function groupOf(mpi: Mpi, options: GroupOptions = {}): Group {
  const { patienceSeconds = defaultPatienceSeconds } = options;
  let patient = false;
  const wait = (transfer: Transfer, what: string): number => {
    const began = performance.now();
    if (until(() => transfer.done(), patient ? Number.POSITIVE_INFINITY : 1000 * patienceSeconds))
      return performance.now() - began;
    const silent = callTheRoll(mpi);
    const names = silent.length === 1 ? `Rank ${silent[0]} does` : `Ranks ${silent.join(', ')} do`;
    throw new UserError(
      silent.length === 0
        ? `${what} did not end within ${patienceSeconds} s, although every rank answers: the network is too slow, or ` +
            'ranks wait for different things.'
        : `${names} not answer: ${what} waited ${patienceSeconds} s. Look at that process, then go on with --resume.`,
    );
  };
  const sum = (numbers: Numbers): void => {
    wait(mpi.startAllReduce(numbers), 'a sum');
  };
  return {
    ...mpi,
    startSum: (numbers) => mpi.startAllReduce(numbers),
    wait,
    sum,
    broadcast: (numbers, root) => {
      wait(mpi.startBroadcast(numbers, root), 'a broadcast');
    },
    patiently(run) {
      patient = true;
      try {
        return run();
      } finally {
        patient = false;
      }
    },
    gatherTexts(text) {
      const own = new TextEncoder().encode(text);
      const lengths = new Int32Array(new ArrayBuffer(4 * mpi.size));
      wait(mpi.startAllGather(Int32Array.of(own.length), lengths), 'an agreement');
      const room = Math.max(1, ...lengths);
      const padded = new Uint8Array(room);
      padded.set(own);
      const all = new Uint8Array(room * mpi.size);
      wait(mpi.startAllGather(padded, all), 'an agreement');
      return Array.from(lengths, (length, rank) =>
        new TextDecoder().decode(all.subarray(rank * room, rank * room + length)),
      );
    },
  };
}

/** The ranks that do not answer; every rank that has lost its patience asks. */
function callTheRoll(mpi: Mpi): number[] {
  const others = Array.from({ length: mpi.size }, (_, rank) => rank).filter((rank) => rank !== mpi.rank);
  const here = Uint8Array.of(1);
  for (const rank of others) mpi.startSend(here, rank, rollCallTag);
  const answers = others.map((rank) => mpi.startReceive(new Uint8Array(1), rank, rollCallTag));
  until(() => answers.every((answer) => answer.done()), 1000 * rollCallSeconds);
  return others.filter((_, place) => !answers[place]?.done());
}

const bed = new Int32Array(new SharedArrayBuffer(4));

/** No look takes so long: a longer gap is one in which this process was stopped itself, and has not waited. */
const longestLookMs = 1000;

/** Whether `happened` within `limitMs`. */
function until(happened: () => boolean, limitMs: number): boolean {
  let waited = 0;
  let looked = performance.now();
  for (;;) {
    if (happened()) return true;
    const now = performance.now();
    waited += Math.min(now - looked, longestLookMs);
    looked = now;
    if (waited > limitMs) return false;
    if (waited > spinMs) Atomics.wait(bed, 0, 0, napMs);
  }
}
