// The curves of bench/growth.ts, a panel for each question.
import { type CurvesOptions, drawCurves, type Series } from '../src/figures/curves.ts';
import { heading } from '../src/figures/heading.ts';
import { element, writeDrawing } from '../src/figures/svg.ts';
import { type Curves, fitOf, type Point } from './growth.ts';

const panel = { width: 620, height: 430 };
const columns = 2;

const rates = (curves: Curves): Series[] =>
  Object.entries(curves).map(([name, points]) => ({
    name,
    points: points.map(({ x, ms, batch }) => [x, (1000 * batch) / ms] as const),
  }));

/** Time against the batch, and the line from batch 32 up. */
function withFit(curves: Curves): Series[] {
  return Object.entries(curves).flatMap(([, points]): Series[] => {
    const measured = { name: 'measured', points: points.map(({ x, ms }): [number, number] => [x, ms]) };
    const large = points.filter(({ x }) => x >= 32);
    if (large.length < 2) return [measured];
    const { offset, slope } = fitOf(points);
    const ends = [large[0], large.at(-1)] as [Point, Point];
    return [
      measured,
      { name: 'line', dashed: true, points: ends.map(({ x }): [number, number] => [x, offset + slope * x]) },
    ];
  });
}

type PanelText = Pick<CurvesOptions, 'title' | 'xLabel'> & { readonly case: string };
const rateLabel = 'images/s';
const panels: readonly PanelText[] = [
  { case: 'batch', title: 'Batch', xLabel: 'pictures per step (resnet18, 32x32)' },
  { case: 'picture', title: 'Picture size', xLabel: 'px a side (resnet18, batch 8)' },
  { case: 'depth', title: 'Depth', xLabel: 'layers (ResNets, 32x32, batch 32)' },
  { case: 'threads', title: 'Threads', xLabel: 'threads' },
  { case: 'neighbour', title: 'A busy neighbour', xLabel: 'busy cores' },
];

/** Draws what was measured; `machine` says on what. */
export async function drawGrowth(
  path: string,
  results: ReadonlyMap<string, Curves>,
  machine: string,
): Promise<void> {
  const drawn: CurvesOptions[] = panels.flatMap(({ case: name, title, xLabel }): CurvesOptions[] => {
    const curves = results.get(name);
    if (curves === undefined) return [];
    const common = { xLabel, yMin: 0, size: panel };
    const speed = { ...common, title: `${title}: speed`, yLabel: rateLabel, series: named(rates(curves)) };
    if (name !== 'batch') return [speed];
    return [{ ...common, title: `${title}: time`, yLabel: 'ms per step', series: withFit(curves) }, speed];
  });
  const width = columns * panel.width;
  const head = heading('How speed grows', `Training and inference in ${machine}`, width);
  const body = drawn.map((options, i) => {
    const x = (i % columns) * panel.width;
    const y = head.bottom + 10 + Math.floor(i / columns) * panel.height;
    return element('g', { transform: `translate(${x} ${y})` }, drawCurves(options).body);
  });
  const height = head.bottom + 10 + Math.ceil(drawn.length / columns) * panel.height;
  await writeDrawing(path, { width, height, body: head.body + body.join('') });
}

/** The axis says whose the only curve is. */
function named(series: Series[]): Series[] {
  return series.length === 1 ? series.map((each) => ({ ...each, name: 'Laurel' })) : series;
}
