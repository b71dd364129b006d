// All curves of the results in one figure: a panel per experiment (validation error by epoch), and one for CIFAR-100.

import { type CurvesOptions, curves, drawCurves, type Series } from '../../src/figures/curves.ts';
import { element, writeDrawing } from '../../src/figures/svg.ts';
import { curveWindow, experiments, precision, type Run, rows } from './plan.ts';
import type { Store } from './store.ts';

const panel = { width: 640, height: 430 };
const columns = 2;

export async function drawResults(path: string, store: Store): Promise<void> {
  const seriesOf = ({ id, label, network }: Run, name: string): Series[] => {
    const outcome = store[id];
    if (outcome === undefined) return [];
    const points = outcome.curve.flatMap(({ validationTop1Error }, place): [number, number][] =>
      validationTop1Error === null ? [] : [[place + 1, validationTop1Error]],
    );
    return [{ name: name || label || network, points }];
  };
  const panels: CurvesOptions[] = [
    ...experiments.map(({ title, runs }) => ({
      title,
      series: runs.flatMap((run) => seriesOf(run, run.label)),
    })),
    {
      title: 'CIFAR-100, recipe fast',
      series: rows.flatMap((row) =>
        seriesOf(row, row.form === 'article' ? `${row.network} (article)` : row.network),
      ),
    },
  ].map(({ title, series }) => ({
    title,
    series,
    xLabel: 'epoch',
    yLabel: 'validation top-1 error, %',
    size: panel,
  }));
  const body = panels
    .map((options, place) => {
      const [x, y] = [(place % columns) * panel.width, Math.floor(place / columns) * panel.height];
      return element('g', { transform: `translate(${x} ${y})` }, drawCurves(options).body);
    })
    .join('');
  const height = Math.ceil(panels.length / columns) * panel.height;
  await writeDrawing(path, { width: columns * panel.width, height, body });
}

/** bf16 over f32: the training loss of the runs that keep every step, one colour per run, bf16 dashed. */
export async function drawPrecision(path: string, store: Store): Promise<void> {
  await curves(path, {
    title: 'Training in bf16 follows f32',
    subtitle: 'ResNet-18 on CIFAR-100, two epochs, two seeds',
    series: precision.flatMap(({ id, label, dtype }) => {
      const points = store[id]?.losses?.map((loss, place) => [(place + 1) * curveWindow, loss] as const);
      return points === undefined ? [] : [{ name: label, points, dashed: dtype === 'bf16' }];
    }),
    xLabel: 'step',
    yLabel: `training loss, mean of ${curveWindow} steps`,
    size: { width: 1100, height: 620 },
  });
}
