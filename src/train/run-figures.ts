// The curves of a run, drawn from its metrics.jsonl, so that they show what was written and no more.
import { join } from 'node:path';
import { curves, type Series } from '../figures/curves.ts';
import { readMetrics } from '../run/metrics.ts';
import type { EpochRecord } from './options.ts';

type Field =
  | 'trainLoss'
  | 'validationLoss'
  | 'trainTop1Error'
  | 'validationTop1Error'
  | 'validationTop5Error';

/**
 * Draws `loss.png` and `error.png` into `folder`; nothing before the first epoch is done. `smoothed`: the training
 * loss is that of smoothed labels, and not to be compared with the validation's.
 */
export async function drawCurves(
  folder: string,
  metricsPath: string,
  title: string,
  smoothed: boolean,
): Promise<void> {
  const records = readMetrics<EpochRecord & { kind: string }>(metricsPath);
  const epochs = records.filter(({ kind }) => kind === 'epoch');
  if (epochs.length === 0) return;
  const line = (name: string, field: Field, dashed = false): Series[] => {
    const points = epochs.flatMap((record): [number, number][] => {
      const value = record[field];
      return value === null ? [] : [[record.epoch, value]];
    });
    return points.length === 0 ? [] : [{ name, points, dashed }];
  };
  await curves(join(folder, 'loss.png'), {
    title: `${title}: loss`,
    series: [
      ...line(smoothed ? 'training, smoothed labels' : 'training', 'trainLoss'),
      ...line('validation', 'validationLoss'),
    ],
    xLabel: 'epoch',
    yLabel: 'cross-entropy',
    yMin: 0,
  });
  await curves(join(folder, 'error.png'), {
    title: `${title}: error`,
    series: [
      ...line('training, top-1', 'trainTop1Error'),
      ...line('validation, top-1', 'validationTop1Error'),
      ...line('validation, top-5', 'validationTop5Error', true),
    ],
    xLabel: 'epoch',
    yLabel: 'error, %',
    yMin: 0,
  });
}
