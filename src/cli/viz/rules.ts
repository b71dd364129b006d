// `laurel viz rules NET`: deconvnet, gradient and guided backpropagation of one activation beside each other.
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { printResult } from '../output.ts';
import { addJson, addVerb } from '../verb.ts';
import { positionOption } from './lists.ts';
import {
  addLayerOption,
  addOutOption,
  addSubjectOptions,
  openSubject,
  type SubjectOptions,
} from './shared.ts';

interface Options extends SubjectOptions {
  layer: string;
  unit?: number;
  position?: [number, number];
  out: string;
}

export function addRules(viz: Command): void {
  const command = addVerb(
    viz,
    'rules',
    'deconvnet, gradient and guided backpropagation of one activation, side by side',
    'laurel viz rules googlenet --weights googlenet.safetensors --image cat.jpg --layer inception4a --unit 209 --out rules',
  );
  addSubjectOptions(command);
  addLayerOption(command)
    .addOption(
      new Option('--unit <n>', 'the unit; default: the strongest of each picture').argParser(wholeNumber(0)),
    )
    .addOption(positionOption());
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    const result = await intoFolder(options.out, () => compare(name, options));
    printResult(options.json, result, () => {
      const lines = result.pictures.map(
        ({ picture, unit, position, activation }) =>
          `${picture}: unit ${unit} at ${position.join(',')}, activation ${activation.toPrecision(4)}`,
      );
      return [`${result.layer} by three rules`, ...lines, result.figure].join('\n');
    });
  });
}

async function compare(name: string, options: Options) {
  const [
    { compareRules },
    { drawRules },
    layers,
    { inputPicture },
    { interleave },
    activations,
    { rules },
    files,
    svg,
    npy,
  ] = await Promise.all([
    import('../../explain/compare-rules.ts'),
    import('../../explain/compare-rules-figure.ts'),
    import('../../explain/layer.ts'),
    import('../../explain/scan-input.ts'),
    import('../../explain/interleave.ts'),
    import('../../explain/activations.ts'),
    import('../../explain/project.ts'),
    import('../../files.ts'),
    import('../../figures/svg.ts'),
    import('../../weights/npy.ts'),
  ]);
  const { out, position } = options;
  const subject = await openSubject(name, options);
  const { tensors, engine, dtype, images, batch, names, preprocessing, size, protocol } = subject;
  const single = subject.build(1);
  const layer = layers.findLayer(single, options.layer);
  layers.checkSeed(layer, options.unit ?? 0, position);
  const length = images.length / batch;
  const build = () => subject.build(1);
  const pictures = names.map((file, i) => {
    const image = images.slice(i * length, (i + 1) * length);
    const unit = options.unit ?? strongestUnit(image);
    const seed = { layer: layer.path, unit, ...(position !== undefined && { position }) };
    const comparison = compareRules(engine, build, tensors, image, seed, { dtype });
    const rgb = interleave(inputPicture(image, preprocessing), size);
    return { file, name: basename(file), rgb, comparison };
  });

  function strongestUnit(image: Float32Array): number {
    const network = build();
    const own = layers.findLayer(network, layer.path);
    const values = activations.layerActivations(engine, network, tensors, own, image, { dtype });
    const maps = activations.activationMaps(values, own);
    return maps.reduce((best, map) => (map.max > best.max ? map : best)).unit;
  }

  const figure = join(out, 'rules.png');
  const units = [...new Set(pictures.map(({ comparison }) => comparison.projections.deconvnet.unit))];
  const title = `${single.name}, ${layer.path}${units.length === 1 ? `, unit ${units[0]}` : ''}: three ways down`;
  const shape = { ...size, order: preprocessing.order };
  await svg.writeDrawing(figure, await drawRules(pictures, shape, title));
  const data = join(out, 'rules.npy');
  const all = new Float32Array(pictures.length * rules.length * length);
  for (const [i, { comparison }] of pictures.entries()) {
    for (const [r, rule] of rules.entries()) {
      all.set(comparison.projections[rule].pixels, (i * rules.length + r) * length);
    }
  }
  npy.writeNpy(data, [pictures.length, rules.length, size.channels, size.height, size.width], all);
  const result = {
    net: name,
    form: single.form,
    layer: layer.path,
    rules,
    pictures: pictures.map(({ file, comparison: { projections, correlations } }) => {
      const { unit, position: place, activation, box } = projections.deconvnet;
      return { picture: file, unit, position: place, activation, box, correlations };
    }),
    protocol,
    figure,
    data,
  };
  files.writeFileAtomic(join(out, 'rules.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}
