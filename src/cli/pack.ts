// `laurel pack DATA --out FILE`: pictures decoded once into a file that is mapped into memory by training and tests.
import type { Command } from 'commander';
import type { PackFormat } from '../data/pictures/pack/file.ts';
import type { PackResult } from '../data/pictures/pack/pack.ts';
import { UserError } from '../errors.ts';
import { sizeInWords } from '../files.ts';
import { plural } from '../plural.ts';
import { oneOf, wholeNumber } from './options.ts';
import { count, duration, pairs } from './output.ts';
import { runStoppable, type Watch } from './stoppable.ts';
import { addJson, addVerb } from './verb.ts';

interface Options {
  json?: boolean;
  out?: string;
  split?: 'train' | 'test';
  side: number;
  format: PackFormat;
  quality: number;
  onBadImage: 'fail' | 'skip';
  verify?: boolean;
}

interface Verified {
  readonly file: string;
  readonly pictures: number;
}

export function addPack(program: Command): void {
  const command = addVerb(
    program,
    'pack',
    'pack pictures into one file, decoded and small, for fast training',
    'laurel pack imagenet --out imagenet.pack',
    'laurel pack imagenet --out imagenet-jpeg.pack --format jpeg',
    "laurel pack 'shards/train-{000000..000009}.tar' --out train.pack --side 160",
    'laurel pack imagenet.pack --verify',
  )
    .argument('<data>', 'pictures in folders, the files of ILSVRC, tar shards, or a list; or a pack')
    .option('--out <file>', 'the file to write')
    .option('--split <split>', 'train or test alone; default: all there are', oneOf('train', 'test'))
    .option('--side <px>', 'short side of the packed pictures; smaller ones stay', wholeNumber(1), 256)
    .option(
      '--format <format>',
      'raw: nothing left to decode; jpeg: a seventh of the size, and slower to read',
      oneOf('raw', 'jpeg'),
      'raw',
    )
    .option('--quality <n>', 'of JPEG, 1 to 100', wholeNumber(1), 95)
    .option('--on-bad-image <what>', 'fail, or skip up to 1 % of the pictures', oneOf('fail', 'skip'), 'fail')
    .option('--verify', 'read a pack and check every picture in it');
  addJson(command).action((data: string, options: Options) =>
    runStoppable<PackResult | Verified>(
      options,
      (watch) => (options.verify ? verify(data, watch) : pack(data, options, watch)),
      describe,
    ),
  );
}

async function verify(file: string, { status, signal }: Watch): Promise<Verified> {
  const { verifyPack } = await import('../data/pictures/pack/verify.ts');
  const pictures = await verifyPack(file, {
    signal,
    onProgress: (done, total) => status.show(`verify ${count(done)} of ${count(total)} pictures`),
  });
  return { file, pictures };
}

async function pack(data: string, options: Options, { status, signal }: Watch): Promise<PackResult> {
  const { out, quality } = options;
  if (out === undefined) throw new UserError('Say where the pack goes with --out FILE.', { exitCode: 2 });
  if (quality > 100) throw new UserError(`The quality is ${quality}; expected 1 to 100.`, { exitCode: 2 });
  const [{ existsSync }, { knownDataset }, { openPictures, splitsAt }, { packPictures }] = await Promise.all([
    import('node:fs'),
    import('../data/known.ts'),
    import('../data/pictures/open.ts'),
    import('../data/pictures/pack/pack.ts'),
  ]);
  const there = splitsAt(data);
  const wanted = options.split === undefined ? there : [options.split];
  const indices = [];
  for (const split of wanted.length === 0 ? (['train'] as const) : wanted) {
    const index = await openPictures(data, split === 'undivided' ? 'train' : split, {
      signal,
      onNote: status.note,
      onProgress: (found) => status.show(`index ${count(found)} pictures`),
    });
    if (index === undefined) {
      if (!existsSync(data) && knownDataset(data) === undefined) {
        throw new UserError(`There is no file or folder ${data}. Check the path of the pictures.`, {
          exitCode: 2,
        });
      }
      throw new UserError(
        `${data} holds no pictures to pack: expected a folder per class, the files of ILSVRC, tar shards or a list. ` +
          'Data sets that are read into memory whole (CIFAR, MNIST) need no pack.',
        { exitCode: 2 },
      );
    }
    indices.push(index);
  }
  const started = performance.now();
  return packPictures(indices, {
    ...options,
    out,
    signal,
    onNote: status.note,
    onProgress: (done, total, bytes) => {
      const left = ((performance.now() - started) / 1000) * (total / done - 1);
      status.show(
        `pack ${count(done)} of ${count(total)} pictures, ${sizeInWords(bytes)}, ${duration(left)} left`,
      );
    },
  });
}

function describe(result: PackResult | Verified): string {
  if ('file' in result) return `${result.file}: ${count(result.pictures)} pictures, all as they were packed.`;
  const { out, format, side, pictures, skipped, classes, bytes, sourceBytes, seconds } = result;
  const times = (bytes / Math.max(1, sourceBytes)).toFixed(1);
  return [
    pairs([
      ['Pack', out],
      ['Pictures', `${count(pictures)} of ${count(classes)} classes, short side ${side}, ${format}`],
      ...(skipped > 0 ? [['Left out', `${plural(skipped, 'bad picture')}`] as const] : []),
      ['Size', `${sizeInWords(bytes)}, ${times} times the files (${sizeInWords(sourceBytes)})`],
      ['Time', `${duration(seconds)}, ${count(Math.round(pictures / seconds))} pictures/s`],
    ]),
    '',
    `Use it:  npx laurel train NET --data ${out}`,
  ].join('\n');
}
