// `laurel viz activations NET`: what a layer makes of a picture, as a grid of its maps.
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '../../errors.ts';
import { wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { printResult } from '../output.ts';
import { addJson, addVerb } from '../verb.ts';
import { scaleOption, unitsOption } from './lists.ts';
import {
  addLayerOption,
  addOutOption,
  addSubjectOptions,
  openSubject,
  type SubjectOptions,
} from './shared.ts';

interface Options extends SubjectOptions {
  layer: string;
  units?: number[];
  maps: number;
  scale: 'shared' | 'own';
  out: string;
}

export function addActivations(viz: Command): void {
  const command = addVerb(
    viz,
    'activations',
    'the maps of a layer for a picture, as a grid',
    'laurel viz activations googlenet --weights googlenet.safetensors --image cat.jpg --layer conv1 --out maps',
  );
  addSubjectOptions(command);
  addLayerOption(command)
    .addOption(unitsOption('these maps, e.g. 3,17,40'))
    .addOption(
      new Option('--maps <n>', 'draw at most so many, the strongest').argParser(wholeNumber(1)).default(128),
    )
    .addOption(scaleOption('maps'));
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    const result = await intoFolder(options.out, () => activations(name, options));
    printResult(options.json, result, () => {
      const { layer, units, height, width, min, max, zero, figure } = result;
      return `${layer}: ${units} maps of ${height}x${width}, ${min} to ${max}, ${zero} zero everywhere\n${figure}`;
    });
  });
}

async function activations(name: string, options: Options) {
  const [
    explain,
    { drawActivations },
    { findLayer },
    { checkUnits },
    { inputPicture },
    { interleave },
    files,
    svg,
    npy,
  ] = await Promise.all([
    import('../../explain/activations.ts'),
    import('../../explain/activations-figure.ts'),
    import('../../explain/layer.ts'),
    import('../../explain/top.ts'),
    import('../../explain/scan-input.ts'),
    import('../../explain/interleave.ts'),
    import('../../files.ts'),
    import('../../figures/svg.ts'),
    import('../../weights/npy.ts'),
  ]);
  const { out } = options;
  const { network, tensors, engine, dtype, images, batch, names, preprocessing, size, protocol } =
    await openSubject(name, options);
  if (batch !== 1) {
    throw new UserError(`A grid shows one picture; got ${batch}. Give one --image.`, { exitCode: 2 });
  }
  const layer = findLayer(network, options.layer);
  checkUnits(layer.path, layer.units, options.units ?? []);
  const values = explain.layerActivations(engine, network, tensors, layer, images, { dtype });
  const all = explain.activationMaps(values, layer);
  const { min, max } = explain.rangeOf(all);
  const zero = all.filter((map) => map.min === 0 && map.max === 0).length;
  const maps =
    options.units === undefined
      ? explain.strongestMaps(all, options.maps)
      : options.units.map((unit) => all[unit] as (typeof all)[number]);
  const figure = join(out, 'activations.png');
  const drawing = await drawActivations({
    title: `${network.name}, ${layer.path}: its maps for ${names[0]?.split('/').at(-1)}`,
    layer,
    maps,
    zero,
    picture: {
      rgb: interleave(inputPicture(images, preprocessing), size),
      height: size.height,
      width: size.width,
    },
    scale: options.scale,
  });
  await svg.writeDrawing(figure, drawing);
  const data = join(out, 'activations.npy');
  npy.writeNpy(data, [layer.units, layer.height, layer.width], values);
  const { path, units, height, width } = layer;
  const result = {
    net: name,
    form: network.form,
    picture: names[0],
    layer: path,
    units,
    height,
    width,
    min,
    max,
    zero,
    maps: all.map(({ unit, min, max, mean }) => ({ unit, min, max, mean })),
    protocol,
    figure,
    data,
  };
  files.writeFileAtomic(join(out, 'activations.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}
