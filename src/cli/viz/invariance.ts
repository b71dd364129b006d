// `laurel viz invariance NET`: how far features go when pictures are moved, enlarged and turned.
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Transformation } from '../../explain/invariance-transform.ts';
import { numberList, sharedOption } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { count, table } from '../output.ts';
import type { StatusLine } from '../status.ts';
import { runStoppable } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { nameList } from './lists.ts';
import { addOutOption, addSubjectOptions, openSubject, type SubjectOptions } from './shared.ts';

interface Options extends SubjectOptions {
  layers?: string[];
  class?: string[];
  translation?: number[];
  scale?: number[];
  rotation?: number[];
  batch?: number;
  out: string;
}

export function addInvariance(viz: Command): void {
  const command = addVerb(
    viz,
    'invariance',
    'move, enlarge and turn pictures: how far their features go (figure 5)',
    'laurel viz invariance googlenet --weights googlenet.safetensors --image a.jpg --image b.jpg --out moved',
    'laurel viz invariance zfnet --weights zfnet.safetensors --image dog.jpg --class pug --rotation=-30,-20,-10,0,10,20,30 --out turned',
  );
  addSubjectOptions(command);
  command
    .option(
      '--layers <paths>',
      'layers to compare; default: the first and the last layer of features',
      nameList,
    )
    .addOption(
      new Option(
        '--class <class>',
        'the true class, number or name, once for each --image; default: the most probable one',
      ).argParser((text: string, before: string[] = []) => [...before, text]),
    )
    .option('--translation <px>', 'px downwards, with commas; default: -60 to 60 px of 224', numberList)
    .option('--scale <factors>', 'factors, with commas; default: 1 to 1.8', numberList)
    .option('--rotation <degrees>', 'counter-clockwise, with commas; default: 0 to 360', numberList)
    .addOption(sharedOption('batch', 'pictures per run, at most; default: 16'));
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      options,
      ({ status, signal }) => intoFolder(options.out, () => invariance(name, options, signal, status)),
      (result) => {
        const rows = result.transformations.flatMap(({ kind, farthest }) =>
          farthest.map(({ layer, relative, amount, picture }) => [
            kind,
            layer,
            relative.toFixed(3),
            `${amount}`,
            picture,
          ]),
        );
        const heading = ['transformation', 'layer', 'largest relative distance', 'at', 'picture'];
        return `${table([heading, ...rows], ['left', 'left', 'right', 'right'])}\n\n${result.figure}`;
      },
    );
  });
}

async function invariance(name: string, options: Options, signal: AbortSignal, status: StatusLine) {
  const [
    explain,
    transform,
    { drawInvariance },
    { findClass },
    { interleave },
    { inputPicture },
    files,
    svg,
    npy,
    errors,
  ] = await Promise.all([
    import('../../explain/invariance.ts'),
    import('../../explain/invariance-transform.ts'),
    import('../../explain/invariance-figure.ts'),
    import('../../explain/grad-cam.ts'),
    import('../../explain/interleave.ts'),
    import('../../explain/scan-input.ts'),
    import('../../files.ts'),
    import('../../figures/svg.ts'),
    import('../../weights/npy.ts'),
    import('../../errors.ts'),
  ]);
  const { out } = options;
  const subject = await openSubject(name, options);
  const { network, images, batch, names, size, preprocessing, classes, protocol } = subject;
  const wanted = options.class ?? [];
  if (wanted.length > 0 && wanted.length !== batch) {
    throw new errors.UserError(
      `${wanted.length} classes were given for ${batch} pictures, expected one --class for each picture, in their order.`,
      { exitCode: 2 },
    );
  }
  const given = wanted.map((text) => findClass(text, network.classes, classes));
  const transformations = transform
    .usualTransformations(size.height)
    .map(({ kind, amounts }): Transformation => ({ kind, amounts: options[kind] ?? amounts }));
  const result = await explain.measureInvariance({
    ...subject,
    batch: options.batch,
    layers: options.layers,
    classes: given,
    transformations,
    signal,
    onProgress: (done, total) => status.show(`invariance: ${count(done)} of ${count(total)} pictures`),
  });
  status.show('drawing');
  const classNames = result.classes.map(
    (index) => (classes?.[index] ?? `class ${index}`).split(',')[0] as string,
  );
  const figure = {
    title: `${name}: how far features move with the picture`,
    result,
    images,
    size,
    photo: (input: Float32Array) => ({
      rgb: interleave(inputPicture(input, preprocessing), size),
      height: size.height,
      width: size.width,
    }),
    names: names.map((each) => basename(each)),
    classNames,
    footnote: [`Pictures turn about their centre; what comes from outside is the mean. ${protocol}`],
  };
  const figures = { relative: join(out, 'invariance.png'), raw: join(out, 'invariance-raw.png') };
  await svg.writeDrawing(figures.relative, await drawInvariance({ ...figure, distances: 'relative' }));
  await svg.writeDrawing(figures.raw, await drawInvariance({ ...figure, distances: 'raw' }));
  const summary = {
    net: name,
    form: network.form,
    layers: result.layers,
    norms: result.norms,
    pictures: names.map((picture, i) => ({
      picture,
      class: result.classes[i] as number,
      className: classNames[i] as string,
      probability: result.probabilities[i] as number,
    })),
    transformations: result.transformations.map(({ kind, amounts, distance, relative, probability }) => {
      const write = (what: string, shape: number[], values: Float32Array): string => {
        const path = join(out, `${kind}-${what}.npy`);
        npy.writeNpy(path, shape, values);
        return path;
      };
      const each = [batch, amounts.length];
      const all = [result.layers.length, ...each];
      return {
        kind,
        unit: transform.transformationUnits[kind],
        amounts,
        farthest: result.layers.map((layer, i) => {
          const part = relative.subarray(i * batch * amounts.length, (i + 1) * batch * amounts.length);
          const at = part.reduce((best, value, place) => (value > (part[best] as number) ? place : best), 0);
          const [picture, amount] = [Math.floor(at / amounts.length), at % amounts.length];
          return {
            layer,
            relative: part[at] as number,
            amount: amounts[amount] as number,
            picture: basename(names[picture] as string),
          };
        }),
        distance: write('distance', all, distance),
        relative: write('relative', all, relative),
        probability: write('probability', each, probability),
      };
    }),
    protocol,
    figure: figures.relative,
    rawFigure: figures.raw,
  };
  files.writeFileAtomic(join(out, 'invariance.json'), `${JSON.stringify(summary, null, 1)}\n`);
  return summary;
}
