// Where a loader's batches come from: threads that fill a ring of shared slots ahead of use, or, without threads, the
// caller itself. Everything a thread needs lies in shared memory: it goes on while the owner is inside a native call.
import { Worker } from 'node:worker_threads';
import type { Slot } from './batch.ts';
import { control, endThreads, parked, ringBell } from './loader-state.ts';

/** What a loader hands to each of its threads. */
export interface LoaderThreadData<Plan> {
  readonly plan: Plan;
  readonly slots: readonly Slot[];
  readonly state: Int32Array;
  readonly order: Uint32Array;
}

/** What a thread posts after it filled a slot: null, or, where `slot.reported` is 1, what it has to say about it. */
export interface SlotReport<Report> {
  readonly sequence: number;
  readonly report: Report;
}

/** A slot that is filled, and what its maker said about it. */
export interface Filled<Report> {
  readonly slot: Slot;
  readonly report: Report | undefined;
}

/** Makes slots ready; `take` waits for the batch with that number, `stop` waits until nobody writes to a slot. */
export interface BatchSource<Report> {
  start(epoch: number, order: Uint32Array, fromBatch: number, batches: number): void;
  take(index: number): Promise<Filled<Report>>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** How long the end of the process waits for batches that are being made. */
const exitPatienceMs = 3000;

const openLoaders = new Set<Int32Array>();
let listening = false;

/** A process that ends without closing its loaders ends their threads too. */
function endAtExit(state: Int32Array): void {
  openLoaders.add(state);
  if (listening) return;
  listening = true;
  process.on('exit', () => {
    for (const each of openLoaders) endThreads(each, exitPatienceMs);
  });
}

const closedMessage = 'The loader is closed.';

/** Batches made when they are asked for. */
export function inlineSource<Report>(
  slot: Slot,
  fill: (slot: Slot, order: Uint32Array, epoch: number, index: number) => Promise<Report | undefined>,
  dispose: () => void = () => {},
): BatchSource<Report> {
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
      return { slot, report: await fill(slot, order, epoch, index) };
    },
    async stop() {},
    async close() {
      if (!closed) dispose();
      closed = true;
    },
  };
}

/** Batches made ahead by `workers` threads that run `workerUrl` (see `serve` in loader-serve.ts). */
export function threadedSource<Plan, Report>(options: {
  readonly plan: Plan;
  readonly slots: readonly Slot[];
  /** Pictures of an epoch. */
  readonly orderLength: number;
  readonly workers: number;
  readonly workerUrl: URL;
}): BatchSource<Report> {
  const { plan, slots, orderLength, workers, workerUrl } = options;
  const slotCount = slots.length;
  const state = new Int32Array(new SharedArrayBuffer(4 * (control.filled + slotCount)));
  const order = new Uint32Array(new SharedArrayBuffer(4 * orderLength));
  Atomics.store(state, control.next, parked);
  const data: LoaderThreadData<Plan> = { plan, slots, state, order };
  const reports = new Map<number, Report>();
  let failure: Error | undefined;
  let closing = false;
  let wake = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  const threads = Array.from({ length: workers }, () => {
    const thread = new Worker(workerUrl, { workerData: data });
    thread.on('message', (message: SlotReport<Report> | null) => {
      if (message !== null) reports.set(message.sequence, message.report);
      wake();
    });
    thread.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', (code) => fail(new Error(`A loader thread ended with code ${code}.`)));
    // An idle loader that nobody closed does not keep the process alive; a waiting one does (`wait`).
    thread.unref();
    return thread;
  });
  const ended = threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
  endAtExit(state);
  /** Sequence number of the running epoch's first batch, and of the first batch not claimed in all epochs so far. */
  let base = 0;
  let firstBatch = 0;
  let unclaimed = 0;

  /** Waits until `filled` holds for a slot. Threads announce every filled slot and every failure. */
  async function wait(sequence: number): Promise<Filled<Report>> {
    const place = sequence % slotCount;
    const slot = slots[place] as Slot;
    try {
      for (const thread of threads) thread.ref();
      for (;;) {
        if (failure !== undefined) throw failure;
        if (Atomics.load(state, control.filled + place) === sequence + 1) {
          const report = reports.get(sequence);
          // The slot is seen at once, the message only when the event loop gets to it.
          if (Atomics.load(slot.reported, 0) === 0 || report !== undefined) return { slot, report };
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      // A thread that is being ended keeps the process alive until it has.
      if (!closing) for (const thread of threads) thread.unref();
    }
  }

  return {
    start(epoch, visited, fromBatch, batches) {
      if (failure !== undefined) throw failure;
      // One number is left out between epochs: a thread that was about to claim it finds that it has changed.
      base = unclaimed + 1;
      reports.clear();
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
      closing = true;
      failure ??= new Error(closedMessage);
      wake();
      openLoaders.delete(state);
      for (const thread of threads) thread.ref();
      endThreads(state, 0);
      await Promise.all(ended);
    },
  };
}
