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
  /** Place of slot 0's "filled" mark: the sequence number it holds, plus one. */
  filled: 8,
} as const;

/** Value of `next` while nothing may be claimed. */
export const parked = 0x7fffffff;

/** Wakes every thread that waits for work. */
export function ringBell(state: Int32Array): void {
  Atomics.add(state, control.bell, 1);
  Atomics.notify(state, control.bell);
}

/** Claims a batch for the calling thread, sleeping until there is one; returns its sequence number. */
export function claim(state: Int32Array, slots: number): number {
  for (;;) {
    const bell = Atomics.load(state, control.bell);
    const next = Atomics.load(state, control.next);
    const end = Atomics.load(state, control.end);
    const room = Atomics.load(state, control.released) + slots;
    if (next === parked || next >= end || next >= room) {
      Atomics.wait(state, control.bell, bell);
    } else if (Atomics.compareExchange(state, control.next, next, next + 1) === next) {
      return next;
    }
  }
}
