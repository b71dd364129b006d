// `laurel viz top NET`: the pictures that excite feature maps most, projected down to the pixels: figure 2 of the
// ZFNet paper.
import { type Command, Option } from 'commander';
import type { Ranks } from '../../distribute/ranks.ts';
import type { Rule } from '../../explain/project.ts';
import type { WindowKind } from '../../explain/top-figure.ts';
import { oneOf, sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { bold, columns, count, pairs } from '../output.ts';
import { addShareFlags, asRanks, type RankFlags } from '../rank-options.ts';
import type { Watch } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { nameList, unitsOption } from './lists.ts';
import { addScanOptions, openScanFor, runScanVerb, type ScanOptions, scanFolderOf } from './scan-options.ts';

interface Options extends ScanOptions, RankFlags {
  layer: string[];
  maps?: number;
  units?: number[];
  seed?: number;
  rule: Rule;
  columns?: number;
  window: WindowKind;
  out: string;
}

const defaultMaps = 8;

export function addTop(viz: Command): void {
  const command = addVerb(
    viz,
    'top',
    'the nine pictures that excite feature maps most, projected to pixels (figure 2)',
    'laurel viz top lenet --weights runs/first --data fashion-mnist --layer conv2 --out top',
    'laurel viz top googlenet --weights googlenet.safetensors --data imagenet/val --layer conv3,inception4a --maps 16 --out top',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .requiredOption(
      '--layer <paths>',
      'one or more layers, e.g. conv1,layer3.0 (`laurel summary` lists them)',
      nameList,
    )
    .requiredOption('--out <folder>', 'where sheets, JSON and .npy files go')
    .addOption(
      new Option(
        '--maps <n>',
        `how many maps of each layer, drawn by --seed; default: ${defaultMaps}`,
      ).argParser(wholeNumber(1)),
    )
    .addOption(unitsOption().conflicts('maps'))
    .addOption(sharedOption('rule'))
    .addOption(
      new Option('--window <which>', 'draw the whole receptive field, or the part that holds the energy')
        .argParser(oneOf<WindowKind>('field', 'energy'))
        .default('field'),
    )
    .addOption(new Option('--columns <n>', 'maps beside each other; default: 2').argParser(wholeNumber(1)));
  addScanOptions(command).addOption(sharedOption('seed'));
  addShareFlags(command);
  addJson(command).action((name: string, options: Options) =>
    asRanks(options, (ranks) => {
      const run = (watch: Watch) => top(name, options, watch, ranks);
      const led = (watch: Watch) => intoFolder(options.out, () => run(watch));
      return runScanVerb(options, ranks.leads ? led : run, describe, ranks);
    }),
  );
}

/** The result, on rank 0. */
async function top(name: string, options: Options, watch: Watch, ranks: Ranks) {
  const [{ scanLayers }, { writeTopSheet }, { chooseUnits, checkUnits }, { findLayer }] = await Promise.all([
    import('../../explain/scan.ts'),
    import('../../explain/top-sheet.ts'),
    import('../../explain/top.ts'),
    import('../../explain/layer.ts'),
  ]);
  const { out, layer: layers, rule, split, seed = 1 } = options;
  const { status, signal } = watch;
  const threads = options.threads ?? ranks.cores;
  // What one downloads is there for the others.
  const opened = await ranks.leaderFirst(() => openScanFor(name, { ...options, threads }, watch));
  const { subject, data, engine, dtype, labels } = opened;
  // What is asked for must be there before an hour of scanning.
  const network = subject.build(1);
  for (const path of layers) {
    const layer = findLayer(network, path);
    checkUnits(layer.path, layer.units, options.units ?? []);
  }
  const start = performance.now();
  const scans = await scanLayers({
    subject,
    source: data.source,
    data: opened.checksum,
    layers,
    engine,
    dtype,
    batch: options.batch,
    folder: await scanFolderOf(options),
    ranks,
    signal,
    onNote: status.note,
    onProgress: (done, total) => status.show(`scanning: ${count(done)} of ${count(total)} pictures`),
  });
  const scanSeconds = (performance.now() - start) / 1000;
  const sheets = [];
  for (const scan of ranks.leads ? scans : []) {
    const units = options.units ?? chooseUnits(scan.units, options.maps ?? defaultMaps, seed);
    const chosen =
      options.units === undefined ? `${units.length} of ${scan.units} maps, seed ${seed}` : 'chosen maps';
    sheets.push(
      await writeTopSheet({
        subject,
        source: data.source,
        engine,
        // Positions come from the scan; pixels are worth full precision.
        dtype: options.dtype === undefined || options.dtype === 'auto' ? 'f32' : dtype,
        scan,
        units,
        rule,
        folder: out,
        labels,
        columns: options.columns,
        window: options.window,
        title: `${network.name}, ${scan.layer}: what excites its maps most`,
        subtitle:
          `${chosen}; the ${scan.top.size} strongest activations over ${count(scan.pictures)} pictures of ` +
          `${data.name}, one per picture`,
        signal,
        onUnit: (done, total) => status.show(`${scan.layer}: ${done} of ${total} maps projected`),
      }),
    );
  }
  // The others wait for what rank 0 draws by itself.
  ranks.patiently(() => ranks.told(() => true));
  if (!ranks.leads) return undefined;
  return {
    net: name,
    form: network.form,
    weights: opened.model.path,
    data: data.name,
    split,
    pictures: data.source.length,
    scanSeconds,
    dtype,
    engine: engine.name,
    seed,
    layers: sheets,
  };
}

function describe(result: NonNullable<Awaited<ReturnType<typeof top>>>): string {
  const parts = result.layers.map(({ layer, maps, figure, units }) => {
    const rows = maps.map(({ unit, top: entries, active }) => [
      `map ${unit}`,
      (entries[0]?.activation ?? 0).toPrecision(4),
      `above zero in ${count(active)} pictures`,
      entries[0]?.picture ?? '',
    ]);
    return [
      bold(`${layer} (${units} maps)`),
      ...columns(rows, ['left', 'right', 'left']).map((line) => `  ${line}`),
      `  ${figure}`,
    ].join('\n');
  });
  const head = pairs([
    ['Network', `${result.net}, form ${result.form}`],
    ['Data', `${result.data}, ${result.split}: ${count(result.pictures)} pictures`],
    ['Scan', `${result.scanSeconds.toFixed(1)} s in ${result.dtype}, ${result.engine}`],
  ]);
  return [head, ...parts].join('\n\n');
}
