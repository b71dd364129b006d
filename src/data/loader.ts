// Batches of augmented pictures, made by threads ahead of their use. Everything a thread needs lies in shared
// memory: the pictures, the epoch's order and a ring of batches; it goes on while the owner is inside a native call.
// The order and each picture's augmentation depend on (seed, epoch, index) alone, so a run that was cut short can be
// taken up at any batch of any epoch.
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import { type Augmentation, augmentedSize, checkAugmentation } from './augment.ts';
import { allocateSlot, type BatchPlan, fillBatch, type Slot } from './batch.ts';
import type { Dataset } from './dataset.ts';
import { control, parked, ringBell } from './loader-state.ts';
import type { LoaderWorkerData } from './loader-worker.ts';
import { permutation } from './random.ts';

export interface LoaderOptions {
  /** Pictures per batch. */
  readonly batch: number;
  readonly augmentation?: Augmentation;
  /** Fixes order and augmentation; default 0. */
  readonly seed?: number;
  /** A fresh order in every epoch, or the pictures as they come. */
  readonly shuffle: boolean;
  /** The pictures to draw from; default all. */
  readonly indices?: Uint32Array;
  /** What becomes of a last batch that is not full: kept short (default), dropped, or padded. */
  readonly lastBatch?: 'keep' | 'drop' | 'pad';
  /** Threads; 0 makes every batch when it is asked for. Default 1. */
  readonly workers?: number;
  /** Batches made ready beyond the one in use; default 2. */
  readonly ahead?: number;
}

/** A batch; its arrays stay valid until the next one is asked for. */
export interface Batch {
  /** (N,C,H,W) float32, normalised. N is `count`, or the batch size when padded (zeros after `count`). */
  readonly images: Float32Array;
  /** N classes; -1 after `count`. */
  readonly labels: Int32Array;
  /** N positions in the data set; 0xffffffff after `count`. */
  readonly indices: Uint32Array;
  /** Pictures in it. */
  readonly count: number;
  /** Its number in the epoch. */
  readonly index: number;
}

export interface Loader {
  readonly batchesPerEpoch: number;
  /** Pictures per epoch: less than the data set's when the last batch is dropped. */
  readonly picturesPerEpoch: number;
  /** Shape of one picture after augmentation. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** The batches of epoch `epoch` from number `fromBatch` on. One epoch at a time. */
  epoch(epoch: number, fromBatch?: number): AsyncGenerator<Batch, void, undefined>;
  /** Ends the threads. An epoch under way fails. */
  close(): Promise<void>;
}

/** Makes slots ready; `take` waits for the batch with that number, `stop` waits until nobody writes to a slot. */
interface Source {
  start(epoch: number, order: Uint32Array, fromBatch: number, batches: number): void;
  take(index: number): Promise<Slot>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Batches of `dataset`. Throws on options that do not fit it. Call `close` when done with it. */
export function createLoader(
  dataset: Dataset,
  options: LoaderOptions,
  workerUrl: URL = defaultWorker(),
): Loader {
  const { batch, augmentation, seed = 0, shuffle, lastBatch = 'keep', workers = 1, ahead = 2 } = options;
  for (const [name, value, least] of [
    ['batch', batch, 1],
    ['workers', workers, 0],
    ['ahead', ahead, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`${name} is ${value}, expected a whole number, at least ${least}.`, {
        exitCode: 2,
      });
    }
  }
  checkAugmentation(dataset.channels, augmentation);
  const indices = options.indices ?? Uint32Array.from({ length: dataset.length }, (_, index) => index);
  for (const index of indices) {
    if (index >= dataset.length) {
      throw new RangeError(`indices: picture ${index} of ${dataset.length} in ${dataset.name}`);
    }
  }
  if (indices.length === 0) throw new UserError(`${dataset.name}: no pictures to make batches of.`);
  if (lastBatch === 'drop' && batch > indices.length) {
    throw new UserError(
      `The batch of ${batch} is larger than the ${indices.length} pictures of ${dataset.name}. ` +
        `Choose a batch of at most ${indices.length}.`,
      { exitCode: 2 },
    );
  }
  const { height, width } = augmentedSize(dataset, augmentation);
  const { length, channels, pixels, labels } = dataset;
  const plan: BatchPlan = {
    dataset: { length, channels, height: dataset.height, width: dataset.width, pixels, labels },
    augmentation,
    seed,
    batch,
    size: channels * height * width,
  };
  const batchesPerEpoch =
    lastBatch === 'drop' ? Math.floor(indices.length / batch) : Math.ceil(indices.length / batch);
  const picturesPerEpoch = Math.min(indices.length, batchesPerEpoch * batch);
  const source =
    workers === 0 ? inlineSource(plan) : threadedSource(plan, indices.length, workers, ahead + 1, workerUrl);
  let busy = false;

  async function* epoch(number: number, fromBatch = 0): AsyncGenerator<Batch, void, undefined> {
    if (busy) throw new Error('The loader is inside another epoch; finish that one first.');
    if (!(Number.isInteger(fromBatch) && fromBatch >= 0 && fromBatch <= batchesPerEpoch)) {
      throw new RangeError(`epoch: batch ${fromBatch} of ${batchesPerEpoch}`);
    }
    if (fromBatch === batchesPerEpoch) return;
    busy = true;
    try {
      const order = shuffle
        ? permutation(indices.length, seed, number).map((place) => indices[place] as number)
        : indices;
      source.start(number, order, fromBatch, batchesPerEpoch);
      for (let index = fromBatch; index < batchesPerEpoch; index++) {
        const slot = await source.take(index);
        const count = Math.min(batch, order.length - index * batch);
        const shown = lastBatch === 'pad' ? batch : count;
        yield {
          images: slot.images.subarray(0, shown * plan.size),
          labels: slot.labels.subarray(0, shown),
          indices: slot.indices.subarray(0, shown),
          count,
          index,
        };
      }
    } finally {
      await source.stop();
      busy = false;
    }
  }
  const shape = [channels, height, width] as const;
  return { batchesPerEpoch, picturesPerEpoch, shape, epoch, close: () => source.close() };
}

/** The thread's program, in the form this file itself is in: TypeScript in the sources, JavaScript when built. */
function defaultWorker(): URL {
  return new URL(
    import.meta.url.endsWith('.ts') ? './loader-worker.ts' : './loader-worker.js',
    import.meta.url,
  );
}

function inlineSource(plan: BatchPlan): Source {
  const slot = allocateSlot(plan);
  let epoch = 0;
  let order: Uint32Array = new Uint32Array(0);
  let closed = false;
  return {
    start(number, visited) {
      epoch = number;
      order = visited;
    },
    async take(index) {
      if (closed) throw new Error(closedMessage);
      fillBatch(slot, plan, order, epoch, index);
      return slot;
    },
    async stop() {},
    async close() {
      closed = true;
    },
  };
}

const closedMessage = 'The loader is closed.';

function threadedSource(
  plan: BatchPlan,
  orderLength: number,
  workerCount: number,
  slotCount: number,
  workerUrl: URL,
): Source {
  const slots = Array.from({ length: slotCount }, () => allocateSlot(plan));
  const state = new Int32Array(new SharedArrayBuffer(4 * (control.filled + slotCount)));
  const order = new Uint32Array(new SharedArrayBuffer(4 * orderLength));
  Atomics.store(state, control.next, parked);
  const data: LoaderWorkerData = { plan, slots, state, order };
  let failure: Error | undefined;
  let wake = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  const threads = Array.from({ length: workerCount }, () => {
    const thread = new Worker(workerUrl, { workerData: data });
    thread.on('message', () => wake());
    thread.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', (code) => fail(new Error(`A loader thread ended with code ${code}.`)));
    // An idle loader that nobody closed does not keep the process alive; a waiting one does (`wait`).
    thread.unref();
    return thread;
  });
  /** Sequence number of the running epoch's first batch, and of the first batch not claimed in all epochs so far. */
  let base = 0;
  let firstBatch = 0;
  let unclaimed = 0;

  /** Waits until `filled` holds for a slot. Threads announce every filled slot and every failure. */
  async function wait(sequence: number): Promise<Slot> {
    const place = sequence % slotCount;
    try {
      for (const thread of threads) thread.ref();
      for (;;) {
        if (failure !== undefined) throw failure;
        if (Atomics.load(state, control.filled + place) === sequence + 1) return slots[place] as Slot;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      for (const thread of threads) thread.unref();
    }
  }

  return {
    start(epoch, visited, fromBatch, batches) {
      if (failure !== undefined) throw failure;
      // One number is left out between epochs: a thread that was about to claim it finds that it has changed.
      base = unclaimed + 1;
      firstBatch = fromBatch;
      order.set(visited);
      state[control.orderLength] = visited.length;
      state[control.epoch] = epoch;
      state[control.base] = base;
      state[control.firstBatch] = fromBatch;
      Atomics.store(state, control.released, base);
      Atomics.store(state, control.end, base + batches - fromBatch);
      Atomics.store(state, control.next, base);
      ringBell(state);
    },
    take(index) {
      const sequence = base + index - firstBatch;
      Atomics.store(state, control.released, sequence);
      ringBell(state);
      return wait(sequence);
    },
    async stop() {
      if (failure !== undefined) return;
      unclaimed = Atomics.exchange(state, control.next, parked);
      const first = Math.max(base, unclaimed - slotCount);
      for (let sequence = first; sequence < unclaimed; sequence++) {
        await wait(sequence).catch(() => {});
      }
    },
    async close() {
      failure ??= new Error(closedMessage);
      wake();
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}
