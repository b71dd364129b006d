// A thread of the loader of stored pictures.
import { workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { serve } from '../loader-serve.ts';
import type { LoaderThreadData } from '../loader-threads.ts';
import { fillPictureBatch, type PicturePlan } from './picture-batch.ts';
import { openStore } from './picture-store.ts';

// The loader's own threads are the parallel part; libvips' threads within one picture only get in their way.
sharp.concurrency(1);
sharp.cache(false);
const data = workerData as LoaderThreadData<PicturePlan>;
const store = openStore(data.plan.store);
await serve(data, (slot, order, epoch, index) =>
  fillPictureBatch(slot, data.plan, store, order, epoch, index),
);
