// What one epoch came to: a line of metrics.jsonl, and the scalars that TensorBoard shows.
import type { Counts } from '../evaluate/evaluate-program.ts';
import type { EventFile } from '../run/tensorboard.ts';
import type { TrainingPosition } from './checkpoint/save.ts';
import type { EpochRecord } from './options.ts';
import type { Stopwatch } from './stopwatch.ts';

/** The record of the epoch that `position` stands at the end of. `counts`: the validation, where there is one. */
export function epochRecord(
  position: TrainingPosition,
  counts: Counts | undefined,
  learningRate: number,
  watch: Stopwatch,
): EpochRecord {
  const { pictures, loss, top1, top5 } = position.sums;
  const error = counts?.top1Error;
  return {
    epoch: position.epoch + 1,
    step: position.step,
    trainLoss: loss / pictures,
    trainTop1Error: 100 * (1 - top1 / pictures),
    trainTop5Error: 100 * (1 - top5 / pictures),
    validationLoss: counts?.loss ?? null,
    validationTop1Error: error ?? null,
    validationTop5Error: counts?.top5Error ?? null,
    best: error !== undefined && (position.best === null || error < position.best.top1Error),
    learningRate,
    imagesPerSecond: watch.mean(),
    seconds: watch.seconds(),
  };
}

/** The record as points at its step. */
export function writeEpochScalars(events: EventFile, record: EpochRecord): void {
  const scalars: Record<string, number | null> = {
    'train/loss': record.trainLoss,
    'train/top-1 error': record.trainTop1Error,
    'validation/loss': record.validationLoss,
    'validation/top-1 error': record.validationTop1Error,
    'validation/top-5 error': record.validationTop5Error,
    'speed/images per second': record.imagesPerSecond,
  };
  for (const [tag, value] of Object.entries(scalars)) {
    if (value !== null) events.scalar(tag, value, record.step);
  }
}
