// `node tools/scaling.ts`: draws docs/figures/scaling.png and prints the table of docs/distributed.md. With `measure` it
// also measures the wire between two ranks on this machine, under each MPI that is installed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findLaunchers, launcherFlags } from '../src/distribute/launch.ts';
import { gigabits, names, percentAt, workOf } from './scaling/expected.ts';
import { scalingFigure } from './scaling/figure.ts';

const figure = fileURLToPath(new URL('../docs/figures/scaling.png', import.meta.url));
await scalingFigure(figure);
const shown = [8, 64, 256];
const columns = gigabits.flatMap((speed) => shown.map((nodes) => [speed, nodes] as const));
console.log(`| | parameters | ${gigabits.map((speed) => `${speed} Gbit/s`).join(' | ')} |`);
console.log(`| --- | --- | ${gigabits.map(() => '---').join(' | ')} |`);
for (const name of names) {
  const work = workOf(name);
  const cells = gigabits.map((speed) =>
    columns
      .filter(([of]) => of === speed)
      .map(([, nodes]) => percentAt(work, nodes, speed).toFixed(0))
      .join(' / '),
  );
  console.log(`| ${name} | ${(work.parameters / 1e6).toFixed(1)} million | ${cells.join(' | ')} |`);
}
if (process.argv.includes('measure')) {
  const program = fileURLToPath(new URL('./scaling/measure-rank.ts', import.meta.url));
  for (const launcher of findLaunchers()) {
    const args = [...launcherFlags(launcher, 2), process.execPath, program];
    const { stdout, stderr } = spawnSync(launcher.file, args, { encoding: 'utf8' });
    console.log(stdout.trim() || stderr.trim());
  }
}
