// `laurel viz correspondence NET`: does a layer know of a part, wherever it lies? Table 1, from a file of boxes.
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Fill } from '../../explain/occlusion-fill.ts';
import { joined } from '../../explain/stack.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { count, table } from '../output.ts';
import type { StatusLine } from '../status.ts';
import { runStoppable } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { fillOption, nameList } from './lists.ts';
import { addOutOption, openSubject, preparedAsOption } from './shared.ts';

interface Options
  extends Pick<
    SharedOptions,
    | 'json'
    | 'weights'
    | 'form'
    | 'set'
    | 'classes'
    | 'data'
    | 'engine'
    | 'dtype'
    | 'threads'
    | 'seed'
    | 'batch'
  > {
  boxes: string;
  layers?: string[];
  fill: Fill;
  draws: number;
  out: string;
}

export function addCorrespondence(viz: Command): void {
  const command = addVerb(
    viz,
    'correspondence',
    'cover the same part in several pictures: do features change alike? (table 1)',
    'laurel viz correspondence googlenet --weights googlenet.safetensors --boxes dogs.json --out dogs',
    'laurel viz correspondence zfnet --weights zfnet.safetensors --boxes dogs.json --layers relu5,relu7 --out dogs',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'))
    .requiredOption(
      '--boxes <file>',
      'JSON: { "pictures": [{ "image": FILE, "parts": { NAME: { "left", "top", "width", "height" } } }] }, in px of the picture',
    )
    .option(
      '--layers <paths>',
      'layers; default: the last one with maps and the last layer of features',
      nameList,
    )
    .addOption(fillOption())
    .addOption(
      new Option('--draws <n>', 'random boxes for each part and picture')
        .argParser(wholeNumber(1))
        .default(10),
    )
    .addOption(preparedAsOption());
  addShared(command, 'form', 'set', 'classes', 'seed');
  command.addOption(sharedOption('batch', 'pictures per run, at most; default: 16'));
  addShared(command, 'engine', 'dtype', 'threads');
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      options,
      ({ status, signal }) => intoFolder(options.out, () => correspondence(name, options, signal, status)),
      (result) => {
        const rows = result.layers.flatMap(({ layer, parts, random }) =>
          [...parts, { part: 'random', ...random }].map(({ part, mean, deviation, standardError }) => [
            layer,
            part,
            mean.toFixed(3),
            deviation.toFixed(3),
            standardError.toFixed(3),
          ]),
        );
        const heading = ['layer', 'part', 'sign change', 'deviation', 'standard error'];
        return `${table([heading, ...rows], ['left', 'left', 'right', 'right', 'right'])}\n\n${result.figure}`;
      },
    );
  });
}

async function correspondence(name: string, options: Options, signal: AbortSignal, status: StatusLine) {
  const [explain, boxFile, figures, { interleave }, { inputPicture }, files, svg, npy] = await Promise.all([
    import('../../explain/correspondence.ts'),
    import('../../explain/correspondence-boxes.ts'),
    import('../../explain/correspondence-figure.ts'),
    import('../../explain/interleave.ts'),
    import('../../explain/scan-input.ts'),
    import('../../files.ts'),
    import('../../figures/svg.ts'),
    import('../../weights/npy.ts'),
  ]);
  const { out, fill, draws, seed = 1 } = options;
  const listed = boxFile.readBoxes(options.boxes);
  const subject = await openSubject(name, { ...options, image: listed.pictures.map(({ file }) => file) });
  const { network, images, batch, names, size, preprocessing, protocol } = subject;
  const boxes = await boxFile.boxesInInput(listed, preprocessing);
  const result = await explain.measureCorrespondence({
    ...subject,
    batch: options.batch,
    layers: options.layers,
    parts: listed.parts,
    boxes,
    fill,
    draws,
    seed,
    signal,
    onProgress: (done, total) => status.show(`correspondence: ${count(done)} of ${count(total)} pictures`),
  });
  status.show('drawing');
  const length = images.length / batch;
  const figure = join(out, 'correspondence.png');
  const drawing = await figures.drawCorrespondence({
    title: `${name}: does it know of ${listed.parts.join(', ')}?`,
    subtitle:
      `each part covered (${fill}) in ${batch} pictures; the lower the sign change against random boxes, ` +
      'the more alike the features change',
    result,
    boxes,
    photos: Array.from({ length: batch }, (_, i) => ({
      rgb: interleave(inputPicture(images.subarray(i * length, (i + 1) * length), preprocessing), size),
      height: size.height,
      width: size.width,
    })),
    names: names.map((each) => basename(each)),
    footnote: [
      `${(batch * (batch - 1)) / 2} pairs of pictures, ${draws} random boxes of the same size for each part and ` +
        `picture, seed ${seed}; ± is the standard deviation over pairs. Dashed: a random box. ${protocol}`,
    ],
  });
  await svg.writeDrawing(figure, drawing);
  const data = join(out, 'correspondence.npy');
  const pairs = (batch * (batch - 1)) / 2;
  const flat = result.layers.flatMap(({ parts }) => parts.map((part) => part.pairs));
  npy.writeNpy(data, [result.layers.length, listed.parts.length, pairs], joined(flat));
  const randomData = join(out, 'correspondence-random.npy');
  npy.writeNpy(
    randomData,
    [result.layers.length, draws, listed.parts.length, pairs],
    joined(result.layers.map(({ random }) => random.pairs)),
  );
  const summary = {
    net: name,
    form: network.form,
    pictures: names,
    parts: listed.parts,
    boxes,
    fill,
    draws,
    seed,
    layers: result.layers.map(({ layer, parts, random: { pairs: _, ...random } }) => ({
      layer,
      parts: parts.map(({ pairs: __, ...part }, i) => ({ part: listed.parts[i] as string, ...part })),
      random,
    })),
    protocol,
    figure,
    data,
    randomData,
  };
  files.writeFileAtomic(join(out, 'correspondence.json'), `${JSON.stringify(summary, null, 1)}\n`);
  return summary;
}
