// `laurel viz health NET`: which maps of which layers never wake over a data set.
import { join } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../../errors.ts';
import { intoFolder } from '../out-folder.ts';
import { count, table } from '../output.ts';
import type { Watch } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { nameList } from './lists.ts';
import { addScanOptions, openScanFor, runScanVerb, type ScanOptions, scanFolderOf } from './scan-options.ts';

interface Options extends ScanOptions {
  layer?: string[];
  out: string;
}

export function addHealth(viz: Command): void {
  const command = addVerb(
    viz,
    'health',
    'maps that never wake over a data set',
    'laurel viz health googlenet --weights googlenet.safetensors --data imagenet/val --out health',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .requiredOption('--out <folder>', 'where health.png, health.json and the .npy files go')
    .option('--layer <paths>', 'these layers; default: every layer with a ReLU', nameList);
  addScanOptions(command);
  addJson(command).action((name: string, options: Options) =>
    runScanVerb(options, (watch) => intoFolder(options.out, () => health(name, options, watch)), describe),
  );
}

async function health(name: string, options: Options, watch: Watch) {
  const [{ scanLayers }, explain, { drawHealth }, { writeDrawing }, { writeNpy }, files, { fileNameOf }] =
    await Promise.all([
      import('../../explain/scan.ts'),
      import('../../explain/health.ts'),
      import('../../explain/health-figure.ts'),
      import('../../figures/svg.ts'),
      import('../../weights/npy.ts'),
      import('../../files.ts'),
      import('../../explain/top-sheet.ts'),
    ]);
  const { out, split } = options;
  const { status, signal } = watch;
  const { subject, data, engine, dtype, model, checksum } = await openScanFor(name, options, watch);
  const network = subject.build(1);
  const paths = options.layer ?? explain.rectifiedLayers(network);
  if (paths.length === 0) {
    throw new UserError(`${name} has no ReLU, so no map of it can be dead. Name layers with --layer.`, {
      exitCode: 2,
    });
  }
  const scans = await scanLayers({
    subject,
    source: data.source,
    data: checksum,
    layers: paths,
    engine,
    dtype,
    batch: options.batch,
    folder: await scanFolderOf(options),
    signal,
    onNote: status.note,
    onProgress: (done, total) => status.show(`scanning: ${count(done)} of ${count(total)} pictures`),
  });
  const layers = scans.map(explain.layerHealth);
  const dead = layers.reduce((sum, layer) => sum + layer.dead.length, 0);
  const units = layers.reduce((sum, layer) => sum + layer.units, 0);
  const figure = join(out, 'health.png');
  const title = `${network.name}: ${dead === 0 ? 'no dead map' : `${count(dead)} dead`} of ${count(units)}`;
  const subtitle = `a map is dead that was above zero in none of ${count(data.source.length)} pictures of ${data.name}`;
  await writeDrawing(figure, await drawHealth(layers, title, subtitle));
  const described = layers.map(({ awake, strongest, ...layer }) => {
    const file = join(out, `health-${fileNameOf(layer.layer)}.npy`);
    writeNpy(file, [2, layer.units], Float32Array.of(...awake, ...strongest));
    return { ...layer, file };
  });
  const { form } = network;
  const result = {
    net: name,
    form,
    weights: model.path,
    data: data.name,
    split,
    dead,
    units,
    layers: described,
    figure,
  };
  files.writeFileAtomic(join(out, 'health.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

function describe({ layers, figure }: Awaited<ReturnType<typeof health>>): string {
  const rows = layers.map(({ layer, units, dead, always }) => [
    layer,
    count(units),
    count(dead.length),
    count(always),
  ]);
  const heading = ['layer', 'maps', 'never awake', 'always awake'];
  return `${table([heading, ...rows], ['left', 'right', 'right', 'right'])}\n\n${figure}`;
}
