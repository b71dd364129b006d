// What a scan for the strongest activations takes of memory, over so many pictures and over four times as many: two
// batches of pictures and nine places per unit do not grow with the data set.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { leftOutList, type Part, table } from './part.ts';

const shared = fileURLToPath(new URL('../../shared/data/', import.meta.url));
const weights = `${shared}googlenet-bvlc.safetensors`;
const data = `${shared}imagenet-samples`;
const worker = fileURLToPath(new URL('scan-memory-worker.ts', import.meta.url));
const layer = 'conv2';
const sizes = [1000, 4000];

async function peakOf(pictures: number): Promise<number> {
  const args = [worker, weights, data, layer, String(pictures)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const told = JSON.parse(stdout) as { pictures: number; peakMiB: number };
  if (told.pictures !== pictures) throw new Error(`The scan went through ${told.pictures} of ${pictures}.`);
  return told.peakMiB;
}

export const scanMemory: Part = {
  name: 'scan-memory',
  async measure({ log }) {
    if (!existsSync(weights) || !existsSync(data)) {
      return `Nothing was measured.${leftOutList([`all: ${shared} has no weights and pictures for it`])}`;
    }
    const peaks: number[] = [];
    for (const pictures of sizes) {
      peaks.push(await peakOf(pictures));
      log(`scan-memory: ${pictures} pictures, ${Math.round(peaks.at(-1) as number)} MiB at most`);
    }
    const [first = 1] = peaks;
    const rows = sizes.map((pictures, i) => {
      const peak = peaks[i] as number;
      return [String(pictures), peak.toFixed(0), `${(peak / first).toFixed(2)}x`];
    });
    return [
      `GoogLeNet, a scan of \`${layer}\` over JPEG files, the largest resident memory of its process:`,
      '',
      table(['pictures', 'MiB', 'against the fewest'], rows),
    ].join('\n');
  },
};
