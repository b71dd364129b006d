// The few shared numbers through which the loader's threads and its owner agree on who fills which slot.
// Batches are numbered by one ever-growing sequence; sequence s lives in slot s % slots. Threads claim the next
// number and fill it without any help from the owner, who may sit in a long native call all the while.

/** Places in the control array. */
export const control = {
  /** Next sequence number to claim, or `parked`. */
  next: 0,
  /** Sequence numbers from here on do not exist in this epoch. */
  end: 1,
  /** Sequence numbers below this are given back: their slots may be filled again. */
  released: 2,
  /** Sequence number of the epoch's batch `firstBatch`. */
  base: 3,
  firstBatch: 4,
  epoch: 5,
  /** Length of the epoch's order. */
  orderLength: 6,
  /** Changes whenever a waiting thread should look again. */
  bell: 7,
  /** Threads that are filling a slot. */
  busy: 8,
  /** Place of slot 0's "filled" mark: the sequence number it holds, plus one. */
  filled: 9,
} as const;

/** Value of `next` while nothing may be claimed. */
export const parked = 0x7fffffff;

/** Value of `next` from which threads end by themselves. */
export const ending = 0x7ffffffe;

/** Wakes every thread that waits for work. */
export function ringBell(state: Int32Array): void {
  Atomics.add(state, control.bell, 1);
  Atomics.notify(state, control.bell);
}

/**
 * Ends the threads at their next claim and waits, for a moment, until none is at work: a thread that is ended from
 * outside inside a native call takes the process with it.
 */
export function endThreads(state: Int32Array, patienceMs: number): void {
  Atomics.store(state, control.next, ending);
  ringBell(state);
  const limit = performance.now() + patienceMs;
  for (let busy = Atomics.load(state, control.busy); busy > 0; busy = Atomics.load(state, control.busy)) {
    if (performance.now() > limit) return;
    Atomics.wait(state, control.busy, busy, 20);
  }
}

/** Says that the slot which the calling thread claimed is filled, or given up. */
export function leave(state: Int32Array): void {
  Atomics.sub(state, control.busy, 1);
  Atomics.notify(state, control.busy);
}

/**
 * Claims a batch for the calling thread, sleeping until there is one; returns its sequence number, or undefined when
 * the thread is to end. After a claim the thread is busy until it calls `leave`.
 */
export function claim(state: Int32Array, slots: number): number | undefined {
  Atomics.add(state, control.busy, 1);
  const claimed = claimNext(state, slots);
  if (claimed === undefined) leave(state);
  return claimed;
}

function claimNext(state: Int32Array, slots: number): number | undefined {
  for (;;) {
    const bell = Atomics.load(state, control.bell);
    const next = Atomics.load(state, control.next);
    const end = Atomics.load(state, control.end);
    const room = Atomics.load(state, control.released) + slots;
    if (next === ending) return undefined;
    if (next === parked || next >= end || next >= room) {
      leave(state);
      Atomics.wait(state, control.bell, bell);
      Atomics.add(state, control.busy, 1);
    } else if (Atomics.compareExchange(state, control.next, next, next + 1) === next) {
      return next;
    }
  }
}
