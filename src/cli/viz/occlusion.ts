// `laurel viz occlusion NET`: what happens when a square covers a part of the picture.
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Fill } from '../../explain/occlusion-fill.ts';
import { sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { count, pairs } from '../output.ts';
import type { StatusLine } from '../status.ts';
import { runStoppable } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { fillOption } from './lists.ts';
import { addOutOption, addSubjectOptions, openSubject, type SubjectOptions } from './shared.ts';

interface Options extends SubjectOptions {
  size?: number;
  stride?: number;
  fill: Fill;
  class?: string;
  layer?: string;
  unit?: number;
  other?: string[];
  batch?: number;
  out: string;
}

export function addOcclusion(viz: Command): void {
  const command = addVerb(
    viz,
    'occlusion',
    'slide a square over the picture: probability, activity and class by its place (figure 7)',
    'laurel viz occlusion googlenet --weights googlenet.safetensors --image cat.jpg --out cat',
    'laurel viz occlusion zfnet --weights zfnet.safetensors --image dog.jpg --size 50 --stride 6 --class pug --layer relu5 --out dog',
  );
  addSubjectOptions(command);
  command
    .addOption(
      new Option('--size <px>', "side of the square; default: a seventh of the network's input").argParser(
        wholeNumber(0),
      ),
    )
    .addOption(
      new Option('--stride <px>', 'distance of its places; default: about 28 on the short side').argParser(
        wholeNumber(1),
      ),
    )
    .addOption(fillOption())
    .option('--class <class>', 'number or name; default: the most probable one of the whole picture')
    .option('--layer <path>', 'the layer whose map is watched; default: the last one with maps')
    .addOption(
      new Option(
        '--unit <n>',
        'the map; default: the one with the largest sum on the whole picture',
      ).argParser(wholeNumber(0)),
    )
    .addOption(
      new Option(
        '--other <file>',
        'another picture to project the same map in; may be given several times',
      ).argParser((file: string, before: string[] = []) => [...before, file]),
    )
    .addOption(sharedOption('batch', 'squares per run, at most; default: 16'));
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      options,
      ({ status, signal }) => intoFolder(options.out, () => occlusion(name, options, signal, status)),
      (result) =>
        pairs([
          [
            'class',
            `${result.className} (${result.class}), ${percentText(result.wholeProbability)} on the whole picture`,
          ],
          [
            'lowest',
            `${percentText(result.lowest.probability)} with the square at ${result.lowest.position.join(',')}`,
          ],
          ['unit', `${result.unit} of ${result.layer}`],
          [
            'places',
            `${result.rows}x${result.columns}, a square of ${result.size} px every ${result.stride} px`,
          ],
          ['written', [result.figure, result.overlay, ...Object.values(result.data)].join('\n')],
        ]),
    );
  });
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

async function occlusion(name: string, options: Options, signal: AbortSignal, status: StatusLine) {
  const [explain, report, { findClass, lastSpatialLayer }, files, { writeNpy }, { UserError }] =
    await Promise.all([
      import('../../explain/occlusion.ts'),
      import('../../explain/occlusion-report.ts'),
      import('../../explain/grad-cam.ts'),
      import('../../files.ts'),
      import('../../weights/npy.ts'),
      import('../../errors.ts'),
    ]);
  const { out, other = [], image = [] } = options;
  if (image.length > 1) {
    throw new UserError(
      `Occlusion takes one picture, got ${image.length}. Give one --image; --other shows the same map in others.`,
      { exitCode: 2 },
    );
  }
  if (other.length > 0 && image.length === 0) {
    throw new UserError('--other goes with --image, not with --input.', { exitCode: 2 });
  }
  const subject = await openSubject(name, {
    ...options,
    ...(image.length > 0 && { image: [...image, ...other] }),
  });
  const { network, images, batch, names, protocol, classes } = subject;
  if (image.length === 0 && batch !== 1) {
    throw new UserError(`Occlusion takes one picture, got ${batch} in ${options.input}.`, { exitCode: 2 });
  }
  const wanted = options.class === undefined ? undefined : findClass(options.class, network.classes, classes);
  const result = await explain.occlude({
    ...subject,
    image: images.subarray(0, images.length / batch),
    size: options.size,
    stride: options.stride,
    fill: options.fill,
    class: wanted,
    layer: options.layer ?? lastSpatialLayer(network),
    unit: options.unit,
    batch: options.batch,
    signal,
    onProgress: (done, total) => status.show(progressBar(done, total)),
  });
  status.show('drawing');
  const drawn = await report.drawReport(subject, result, basename(names[0] as string));
  const figure = join(out, 'occlusion.png');
  const overlay = join(out, 'overlay.png');
  await report.writeReport(drawn, figure, overlay);
  const { grid } = result;
  const shape = [grid.rows, grid.columns];
  const data = {
    probability: join(out, 'probability.npy'),
    activity: join(out, 'activity.npy'),
    class: join(out, 'class.npy'),
  };
  writeNpy(data.probability, shape, result.probability);
  writeNpy(data.activity, shape, result.activity);
  writeNpy(data.class, shape, result.classes);
  const lowest = result.probability.reduce((best, p, i, all) => (p < (all[best] as number) ? i : best), 0);
  const { top, left } = explain.squareAt(grid, lowest);
  const summary = {
    net: name,
    form: network.form,
    picture: names[0] as string,
    ...grid,
    fill: result.fill,
    layer: result.layer,
    unit: result.unit,
    class: result.class,
    className: drawn.nameOf(result.class),
    wholeProbability: result.whole.probabilities[result.class] as number,
    wholeActivity: result.whole.activity,
    lowest: { position: [top, left], probability: result.probability[lowest] as number },
    protocol,
    figure,
    overlay,
    data,
  };
  files.writeFileAtomic(join(out, 'occlusion.json'), `${JSON.stringify(summary, null, 1)}\n`);
  return summary;
}

function progressBar(done: number, total: number): string {
  const width = 24;
  const filled = Math.round((width * done) / total);
  return `occlusion ${'━'.repeat(filled)}${'─'.repeat(width - filled)} ${count(done)} of ${count(total)} places`;
}
