// One thread of a loader: claims batches and fills their slots until the loader is closed.
import { parentPort } from 'node:worker_threads';
import type { Slot } from './batch.ts';
import { claim, control, leave } from './loader-state.ts';
import type { LoaderThreadData, SlotReport } from './loader-threads.ts';

/** Serves one loader until it is closed. What `fill` returns, if anything, is sent to the loader's owner with the batch. */
export async function serve<Plan, Report>(
  { slots, state, order }: Omit<LoaderThreadData<Plan>, 'plan'>,
  fill: (slot: Slot, order: Uint32Array, epoch: number, index: number) => Promise<Report | undefined>,
): Promise<void> {
  for (;;) {
    const sequence = claim(state, slots.length);
    if (sequence === undefined) return;
    const place = sequence % slots.length;
    const slot = slots[place] as Slot;
    const index = sequence - (state[control.base] as number) + (state[control.firstBatch] as number);
    const visited = order.subarray(0, state[control.orderLength] as number);
    const report = await fill(slot, visited, state[control.epoch] as number, index).finally(() =>
      leave(state),
    );
    const message: SlotReport<Report> | null = report === undefined ? null : { sequence, report };
    Atomics.store(slot.reported, 0, message === null ? 0 : 1);
    Atomics.store(state, control.filled + place, sequence + 1);
    parentPort?.postMessage(message);
  }
}
