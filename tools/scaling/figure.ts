// Efficiency of 1 to 256 nodes at four speeds of the network: a panel for each network; and of two ranks as they were
// measured on one machine, beside what the model says of them.
import { type CurvesOptions, drawCurves, type Series } from '../../src/figures/curves.ts';
import { element, writeDrawing } from '../../src/figures/svg.ts';
import { gigabits, names, nodeCounts, percentAt, workOf } from './expected.ts';
import { besideModel, type Measured, readMeasured } from './measured.ts';

const panel = { width: 560, height: 420 };

export async function scalingFigure(path: string): Promise<void> {
  const measured = readMeasured();
  const panels = [...names.map(expectedPanel), ...(measured === undefined ? [] : [measuredPanel(measured)])];
  const bodies = panels.map((options) => drawCurves({ ...options, size: panel }).body);
  // Two beside each other.
  const places = bodies.map((_, place) => [(place % 2) * panel.width, Math.floor(place / 2) * panel.height]);
  const body = bodies
    .map((each, place) => element('g', { transform: `translate(${places[place]?.join(' ')})` }, each))
    .join('');
  const rows = Math.ceil(bodies.length / 2);
  await writeDrawing(path, { width: 2 * panel.width, height: rows * panel.height, body });
}

function expectedPanel(name: (typeof names)[number]): CurvesOptions {
  const work = workOf(name);
  return {
    title: name,
    subtitle: `${(work.bytes / 1e6).toFixed(0)} MB of gradients, ${(1000 * work.stepSeconds).toFixed(0)} ms a step`,
    series: gigabits.map((speed) => ({
      name: `${speed} Gbit/s`,
      points: nodeCounts.map((nodes): [number, number] => [Math.log2(nodes), percentAt(work, nodes, speed)]),
    })),
    xLabel: 'nodes, as a power of 2 (8: 256 nodes)',
    yLabel: '% of perfect scaling',
    yMin: 0,
  };
}

function measuredPanel(measured: Measured): CurvesOptions {
  const series = [...new Set(measured.points.map(({ name }) => name))].flatMap((name): Series[] => {
    const points = measured.points.filter((point) => point.name === name);
    const lineOf = (which: keyof ReturnType<typeof besideModel>): [number, number][] =>
      points.map((point) => [Math.log2(point.pictures), besideModel(point, measured)[which]]);
    return [
      { name: `${name}, measured`, points: lineOf('measured') },
      { name: `${name}, sum hidden`, points: lineOf('hidden'), dashed: true },
      { name: `${name}, not hidden`, points: lineOf('unhidden'), dashed: true },
    ];
  });
  return {
    title: 'two ranks on one machine, 32x32',
    subtitle: `${measured.machine}, ${measured.wires[0]?.mpi}, a thread each`,
    series,
    xLabel: 'pictures a rank, log2',
    yLabel: '% of perfect scaling',
    yMin: 0,
  };
}
