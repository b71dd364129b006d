// The nine strongest activations of every map of a layer over a data set, against plain evaluation of the same network
// over the same picture files: GoogLeNet's deepest block and a thousand pictures of ImageNet, where they are at hand.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { scanLayers } from '../src/explain/scan.ts';
import { openScan } from '../src/explain/scan-open.ts';
import { median } from '../src/median.ts';
import { leftOutList, type Part, table } from './part.ts';

const shared = fileURLToPath(new URL('../../shared/data/', import.meta.url));
const weights = `${shared}googlenet-bvlc.safetensors`;
const data = `${shared}imagenet-samples`;
const layers = ['conv2', 'inception5b'];

async function evaluated(): Promise<number> {
  return (await evaluate({ network: 'googlenet', weights, data })).n;
}

async function scanned(layer: string): Promise<number> {
  const opened = await openScan({ network: 'googlenet', weights, data });
  const { subject, data: test, checksum, engine, dtype } = opened;
  const [scan] = await scanLayers({
    subject,
    source: test.source,
    data: checksum,
    layers: [layer],
    engine,
    dtype,
  });
  return scan?.pictures ?? 0;
}

export const scan: Part = {
  name: 'scan',
  async measure({ rounds, log }) {
    if (!existsSync(weights) || !existsSync(data)) {
      return `Nothing was measured.${leftOutList([`all: ${shared} has no weights and pictures for it`])}`;
    }
    const sides = [
      { name: 'evaluation', times: [] as number[], work: evaluated },
      ...layers.map((layer) => ({
        name: `scan of \`${layer}\``,
        times: [] as number[],
        work: () => scanned(layer),
      })),
    ];
    let pictures = 0;
    for (let round = 1; round <= rounds; round++) {
      for (const { work, times } of round % 2 === 1 ? sides : sides.toReversed()) {
        const before = performance.now();
        pictures = await work();
        times.push((performance.now() - before) / 1000);
      }
      log(`scan: round ${round} of ${rounds}`);
    }
    const [base = 1] = sides.map(({ times }) => median(times));
    const rows = sides.map(({ name, times }) => [
      name,
      median(times).toFixed(1),
      (pictures / median(times)).toFixed(1),
      `${(base / median(times)).toFixed(2)}x`,
    ]);
    return [
      `GoogLeNet, ${pictures} JPEG files, medians of ${rounds} turns, opening and compiling included:`,
      '',
      table(['what', 's', 'pictures/s', 'speed against evaluation'], rows),
    ].join('\n');
  },
};
