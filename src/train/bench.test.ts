import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { benchInfer, benchTrain } from './bench.ts';

const engine = createReferenceEngine();

describe('bench', () => {
  it('measures training steps, with three times the multiply-adds of inference', async () => {
    const train = await benchTrain('lenet', { engine, dtype: 'f32', batch: 2, steps: 2 });
    expect(train).toMatchObject({
      net: 'lenet',
      form: 'imagenet',
      what: 'train',
      batch: 2,
      steps: 2,
      dtype: 'f32',
    });
    // 416,520 multiply-adds a picture forward.
    expect(train.gflops * 1e9).toBeCloseTo(6 * 416_520 * train.imagesPerSecond, -2);
    expect(train.imagesPerSecond).toBeCloseTo(2000 / train.msPerStep, 6);
    expect(train.msPerStep).toBeGreaterThanOrEqual(train.msRange[0]);
    expect(train.msPerStep).toBeLessThanOrEqual(train.msRange[1]);
    expect(train.peakMiB).toBeGreaterThan(10);
  });

  it('measures inference', async () => {
    const infer = await benchInfer('lenet', { engine, dtype: 'f32', steps: 3 });
    expect(infer).toMatchObject({ what: 'infer', batch: 1, steps: 3 });
    expect(infer.gflops * 1e9).toBeCloseTo(2 * 416_520 * infer.imagesPerSecond, -2);
  });

  it('refuses what it does not know', async () => {
    await expect(benchInfer('lenet', { engine, steps: 0 })).rejects.toThrow(/steps is 0/);
    await expect(benchTrain('alexnot', { engine })).rejects.toThrow(/no network named 'alexnot'/);
  });
});
