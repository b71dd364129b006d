// A loader that is there only while its pictures are wanted: large batches take hundreds of megabytes and threads, and
// the pictures of validation and test are gone through once an epoch, or once in all.
import type { Loader, LoaderOptions } from '../data/loader.ts';
import { planEpochs } from '../data/loader-epochs.ts';

/** `open` is called at the start of each epoch, and what it gives closed at the epoch's end. */
export function passingLoader(
  set: { readonly name: string; readonly length: number },
  options: Pick<LoaderOptions, 'batch' | 'indices' | 'lastBatch'>,
  shape: Loader['shape'],
  open: () => Loader,
): Loader {
  const { batchesPerEpoch, picturesPerEpoch } = planEpochs(options, set);
  let current: Loader | undefined;
  return {
    batchesPerEpoch,
    picturesPerEpoch,
    shape,
    async *epoch(epoch, fromBatch) {
      if (current !== undefined)
        throw new Error('The loader is inside another epoch; finish that one first.');
      const loader = open();
      current = loader;
      try {
        yield* loader.epoch(epoch, fromBatch);
      } finally {
        current = undefined;
        await loader.close();
      }
    },
    async close() {
      await current?.close();
    },
  };
}
