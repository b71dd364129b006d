// One thread of the loader: claims batches and fills their slots until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { type BatchPlan, fillBatch, type Slot } from './batch.ts';
import { claim, control } from './loader-state.ts';

/** What the loader hands to each of its threads. */
export interface LoaderWorkerData {
  readonly plan: BatchPlan;
  readonly slots: readonly Slot[];
  readonly state: Int32Array;
  readonly order: Uint32Array;
}

const { plan, slots, state, order } = workerData as LoaderWorkerData;
for (;;) {
  const sequence = claim(state, slots.length);
  const place = sequence % slots.length;
  const index = sequence - (state[control.base] as number) + (state[control.firstBatch] as number);
  const visited = order.subarray(0, state[control.orderLength] as number);
  fillBatch(slots[place] as Slot, plan, visited, state[control.epoch] as number, index);
  Atomics.store(state, control.filled + place, sequence + 1);
  parentPort?.postMessage(null);
}
