// Finding the pictures of a set of ImageNet's size: 1000 folders of 1300 files, as names alone (empty files), listed
// the first time and opened from the stored index the second time, each in a fresh process.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imagenetClasses } from '../src/data/imagenet-classes.ts';
import { median } from '../src/median.ts';
import { type Part, table } from './part.ts';

const perClass = 1300;
const worker = fileURLToPath(new URL('./index-worker.ts', import.meta.url));

interface Measured {
  readonly pictures: number;
  readonly seconds: number;
  readonly growth: number;
  readonly held: number;
  /** Of the whole process, from its start to its end. */
  readonly wall: number;
}

/** Names as ILSVRC has them: n01440764/n01440764_10026.JPEG. */
function makeTree(root: string): void {
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const { wnid } of imagenetClasses) {
    const folder = join(root, 'train', wnid);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < perClass; i++) writeFileSync(join(folder, `${wnid}_${10026 + 7 * i}.JPEG`), '');
    utimesSync(folder, longAgo, longAgo);
  }
  for (const folder of [join(root, 'train'), root]) utimesSync(folder, longAgo, longAgo);
}

function measure(root: string, cache: string): Measured {
  const started = performance.now();
  const text = execFileSync(process.execPath, [worker, root, cache], { encoding: 'utf8' });
  return { ...JSON.parse(text), wall: (performance.now() - started) / 1000 };
}

export const pictureIndex: Part = {
  name: 'index',
  async measure({ rounds, log }) {
    const place = mkdtempSync(join(tmpdir(), 'laurel-index-'));
    const [root, cache] = [join(place, 'imagenet'), join(place, 'cache')];
    try {
      makeTree(root);
      log(`index: made ${1000 * perClass} files`);
      const first: Measured[] = [];
      const second: Measured[] = [];
      for (let round = 1; round <= rounds; round++) {
        rmSync(cache, { recursive: true, force: true });
        first.push(measure(root, cache));
        if (readdirSync(cache).length !== 1) throw new Error('the index was not stored');
        second.push(measure(root, cache));
        log(`index: round ${round} of ${rounds}`);
      }
      const row = (name: string, times: readonly Measured[]): string[] => [
        name,
        median(times.map(({ seconds }) => seconds)).toFixed(2),
        median(times.map(({ wall }) => wall)).toFixed(2),
        (Math.max(...times.map(({ growth }) => growth)) / 1e6).toFixed(0),
        (Math.max(...times.map(({ held }) => held)) / 1e6).toFixed(0),
      ];
      return [
        `${first[0]?.pictures.toLocaleString('en-US')} files in 1,000 folders (the system's cache of names is warm), ` +
          `medians of ${rounds} turns, memory the largest of them:`,
        '',
        table(
          ['what', 's', 'whole process, s', 'memory at its peak, MB', 'memory held, MB'],
          [row('listed the first time', first), row('opened from the stored index', second)],
        ),
      ].join('\n');
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
};
