// `node tools/scaling.ts`: draws docs/figures/scaling.png and prints the tables of docs/distributed.md. With `measure` it
// first measures two ranks on this machine, by themselves and with the wire between them.
import { fileURLToPath } from 'node:url';
import { gigabits, names, percentAt, workOf } from './scaling/expected.ts';
import { scalingFigure } from './scaling/figure.ts';
import { besideModel, measure, readMeasured } from './scaling/measured.ts';
import { trafficOfAlexNet } from './scaling/towers.ts';

function table(heading: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const cells of [heading, heading.map(() => '---'), ...rows]) console.log(`| ${cells.join(' | ')} |`);
  console.log();
}

const megabytes = (numbers: number): string => ((4 * numbers) / 1e6).toFixed(1);
const measured = process.argv.includes('measure') ? measure(console.error) : readMeasured();
await scalingFigure(fileURLToPath(new URL('../docs/figures/scaling.png', import.meta.url)));

const shown = [8, 64, 256];
table(
  ['', 'parameters', ...gigabits.map((speed) => `${speed} Gbit/s`)],
  names.map((name) => {
    const work = workOf(name);
    const cells = gigabits.map((speed) =>
      shown.map((nodes) => percentAt(work, nodes, speed).toFixed(0)).join(' / '),
    );
    return [name, `${(work.parameters / 1e6).toFixed(1)} million`, ...cells];
  }),
);
table(
  ['AlexNet 224x224, MB that a rank sends in a step', 'two towers', 'two ranks that divide the batch'],
  [16, 64, 128, 256, 512].map((batch) => {
    const { towers, gradients } = trafficOfAlexNet({ batch });
    return [`batch ${batch}`, megabytes(towers), megabytes(gradients)];
  }),
);
if (measured !== undefined) {
  table(
    [`two ranks, ${measured.machine}`, 'alpha, microseconds', 'beta, Gbit/s'],
    measured.wires.map(({ mpi, alphaMicroseconds, gigabitsPerSecond }) => [
      mpi,
      alphaMicroseconds.toFixed(1),
      gigabitsPerSecond.toFixed(1),
    ]),
  );
  table(
    [
      '32x32, f32',
      'pictures on each rank',
      'MB a step',
      'step without the sum, ms',
      'with it',
      'measured',
      'sum hidden',
      'not hidden',
    ],
    measured.points.map((point) => {
      const { measured: found, hidden, unhidden } = besideModel(point, measured);
      return [
        point.name,
        `${point.pictures}`,
        (point.bytes / 1e6).toFixed(1),
        (1000 * point.apartSeconds).toFixed(0),
        (1000 * point.togetherSeconds).toFixed(0),
        `${found.toFixed(0)} %`,
        `${hidden.toFixed(0)} %`,
        `${unhidden.toFixed(0)} %`,
      ];
    }),
  );
}
