// A thread of the loader of pictures in memory.
import { workerData } from 'node:worker_threads';
import { type BatchPlan, fillBatch } from './batch.ts';
import { serve } from './loader-serve.ts';
import type { LoaderThreadData } from './loader-threads.ts';

const data = workerData as LoaderThreadData<BatchPlan>;
await serve(data, async (slot, order, epoch, index) => {
  fillBatch(slot, data.plan, order, epoch, index);
  return undefined;
});
