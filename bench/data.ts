// From JPEG files of ImageNet's size on disk to normalised crops of 224 px, ours against torchvision's ImageFolder and
// DataLoader, same files, same transforms, two workers each; and the same from a pack of these files. Then a training of
// ResNet-18 on what the loader gives: the share of its time in which it waits for pictures.
//
// The files are a thousand photographs of ImageNet, where they are at hand, cut to 500x375, sharpened and saved so
// that they weigh what ImageNet's files do, about 110 kB.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { openPictures } from '../src/data/pictures/open.ts';
import { packPictures } from '../src/data/pictures/pack/pack.ts';
import { chooseEngine } from '../src/engines/choose.ts';
import { median } from '../src/median.ts';
import { type Contender, startContender } from './contender.ts';
import { type BenchOptions, leftOutList, type Part, table } from './part.ts';

const samples = fileURLToPath(new URL('../../shared/data/imagenet-samples', import.meta.url));
const batch = 64;
const own = 'Laurel, JPEG files';
const rival = 'ImageFolder + DataLoader';

/** Writes the files, and says how large they are on average, kB. */
async function makeFiles(folder: string): Promise<{ pictures: number; kilobytes: number }> {
  const sources = readdirSync(samples).flatMap((name) =>
    readdirSync(join(samples, name)).map((file) => join(samples, name, file)),
  );
  let bytes = 0;
  let next = 0;
  const some = async (): Promise<void> => {
    while (next < sources.length) {
      const source = sources[next++] as string;
      const data = await sharp(source)
        .autoOrient()
        .toColourspace('srgb')
        .resize(500, 375, { fit: 'cover' })
        .sharpen({ sigma: 1 })
        .jpeg({ quality: 98 })
        .toBuffer();
      const home = join(folder, 'train', basename(join(source, '..')));
      mkdirSync(home, { recursive: true });
      writeFileSync(join(home, basename(source)), data);
      bytes += data.length;
    }
  };
  await Promise.all([some(), some(), some(), some()]);
  return { pictures: sources.length, kilobytes: bytes / sources.length / 1000 };
}

async function makePack(folder: string): Promise<string> {
  const index = await openPictures(folder, 'train');
  if (index === undefined) throw new Error(`${folder} holds no pictures`);
  const out = join(folder, 'bench.pack');
  await packPictures([index], { out });
  return out;
}

interface Waiting {
  readonly steps: number;
  readonly batch: number;
  readonly waitedMs: number;
  readonly computedMs: number;
}

/** One training at a time, in a process of its own. */
async function waiting(path: string, dtype: string, steps: number): Promise<Waiting> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['bench/data-training.ts', path, dtype, `${steps}`]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

async function measureIn(folder: string, { rounds, steps, python, log }: BenchOptions): Promise<string> {
  log('data: making files');
  const { pictures, kilobytes } = await makeFiles(folder);
  log('data: packing');
  const pack = await makePack(folder);
  const leftOut: string[] = [];
  const contenders: Contender[] = [];
  const candidates = [
    [own, process.execPath, ['bench/data-worker.ts', folder, `${batch}`]],
    ['Laurel, pack', process.execPath, ['bench/data-worker.ts', pack, `${batch}`]],
    [rival, python, ['bench/torch_data.py', join(folder, 'train'), `${batch}`]],
  ] as const;
  for (const [name, command, args] of candidates) {
    log(`data: starting ${name}`);
    try {
      contenders.push(await startContender(name, command, [...args]));
    } catch (error) {
      leftOut.push(`${name}: ${(error as Error).message}`);
    }
  }
  const epochs = new Map(contenders.map(({ name }) => [name, [] as number[][]]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) epochs.get(contender.name)?.push(await contender.work(1));
    log(`data: round ${round} of ${rounds}`);
  }
  for (const contender of contenders) contender.stop();
  /** Median milliseconds a picture: of the clock (0), of all processors together (1). */
  const time = (name: string, which: 0 | 1): number =>
    median((epochs.get(name) ?? []).map((numbers) => (numbers[which] as number) / pictures));
  const ratio = (other: string, name: string): string =>
    epochs.has(other) ? `${(time(other, 0) / time(name, 0)).toFixed(2)}x` : '';
  const rows = contenders.map(({ name, facts }) => [
    `${name} (${facts.library})`,
    (1000 / time(name, 0)).toFixed(0),
    time(name, 1).toFixed(2),
    ratio(rival, name),
    ratio(own, name),
  ]);
  const { engine } = chooseEngine('onednn');
  const dtype = engine.describe().dtypes.includes('bf16') ? 'bf16' : 'f32';
  if (dtype === 'f32') leftOut.push('training in bf16: this CPU does not compute in it natively');
  const trained: string[][] = [];
  for (const [name, path] of [
    ['pack', pack],
    ['JPEG files', folder],
  ] as const) {
    log(`data: training from ${name}`);
    const { waitedMs, computedMs, ...made } = await waiting(path, dtype, 2 * steps);
    const rate = (made.steps * made.batch * 1000) / (waitedMs + computedMs);
    const share = (100 * waitedMs) / (waitedMs + computedMs);
    trained.push([name, `${made.steps}`, rate.toFixed(1), `${share.toFixed(2)} %`]);
  }
  return [
    `${pictures} JPEG files of 500x375, ${kilobytes.toFixed(0)} kB on average, to normalised crops of 224 px ` +
      `(RandomResizedCrop, mirror), batches of ${batch}, two workers each; medians of ${rounds} epochs in turns; the ` +
      `pack (short side 256, raw) is ${(statSync(pack).size / 1e6).toFixed(0)} MB:`,
    '',
    table(['who', 'pictures/s', 'CPU ms a picture', 'against torchvision', 'against own JPEG path'], rows),
    '',
    `ResNet-18 trained at 224 px in ${dtype}, batches of 32, by what these loaders deliver at the same time on the ` +
      'same cores:',
    '',
    table(['from', 'steps', 'images/s', 'time waiting for pictures'], trained) + leftOutList(leftOut),
  ].join('\n');
}

export const data: Part = {
  name: 'data',
  async measure(options) {
    if (!existsSync(samples))
      return `Nothing was measured.${leftOutList([`all: there are no pictures in ${samples}`])}`;
    const folder = mkdtempSync(join(tmpdir(), 'laurel-bench-data-'));
    try {
      return await measureIn(folder, options);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
