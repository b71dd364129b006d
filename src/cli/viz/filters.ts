// `laurel viz filters NET`: first-layer filters as pictures, with RMS and frequency content, and with a data set what the
// maps of the second layer see, of one network or of two side by side: figure 6 of the ZFNet paper.
import { basename, extname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../../errors.ts';
import type { ModelRequest } from '../../evaluate/model.ts';
import type { FilterReport } from '../../explain/filters-report.ts';
import type { SecondLayer } from '../../explain/filters-second.ts';
import type { Rule } from '../../explain/project.ts';
import type { Form } from '../../nets/network.ts';
import { sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { count, pairs, percent } from '../output.ts';
import type { Watch } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { scaleOption, unitList, unitsOption } from './lists.ts';
import { addScanOptions, openScanFor, runScanVerb, type ScanOptions, scanFolderOf } from './scan-options.ts';

interface Options extends ScanOptions {
  against?: ModelRequest;
  againstForm?: string;
  scale: 'shared' | 'own';
  second?: string;
  againstSecond?: string;
  maps: number;
  units?: number[];
  againstUnits?: number[];
  rule: Rule;
  seed?: number;
  out: string;
}

export function addFilters(viz: Command): void {
  const command = addVerb(
    viz,
    'filters',
    'first-layer filters and what second layers see, of one network or of two beside each other (figure 6)',
    'laurel viz filters googlenet --weights googlenet.safetensors --out filters',
    'laurel viz filters zfnet --weights runs/zfnet --against alexnet=runs/alexnet --data imagenet/val --maps 16 --out figure6',
    'laurel viz filters zfnet --weights runs/zfnet --against alexnet=runs/alexnet --data imagenet/val --units 3,17 --against-units 5,80 --out figure6',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .requiredOption('--out <folder>', 'where filters.png, filters.json and the .npy files go')
    .addOption(
      new Option('--against <net=weights>', 'a second network, drawn beside the first').argParser(parseModel),
    )
    .option('--against-form <form>', 'its form, where its weights do not say it')
    .addOption(scaleOption('filters'));
  addScanOptions(
    command,
    'a data set for what needs one: second layers, and maps that never wake; default: none',
  );
  command
    .option('--second <path>', 'its second layer; default: the second convolution of more than one position')
    .option('--against-second <path>', 'that of the second network')
    .addOption(
      new Option('--maps <n>', 'maps of each second layer, drawn by --seed; 0 leaves these layers out')
        .argParser(wholeNumber(0))
        .default(8),
    )
    .addOption(unitsOption('these maps of its second layer instead, e.g. 3,17'))
    .addOption(new Option('--against-units <list>', "these maps of the second network's").argParser(unitList))
    .addOption(sharedOption('rule'))
    .addOption(sharedOption('seed'));
  addJson(command).action((name: string, options: Options) =>
    runScanVerb(
      options,
      (watch) => intoFolder(options.out, () => filters(name, options, watch)),
      ({ networks, figure }) => [...networks.map(describe), figure].join('\n\n'),
    ),
  );
}

function parseModel(text: string): ModelRequest {
  const [, network, weights] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (network !== undefined && weights !== undefined) return { network, weights };
  throw new InvalidArgumentError('Expected NET=WEIGHTS, e.g. alexnet=runs/alexnet.');
}

/** Options that mean nothing without another one. */
function checkTogether(options: Options): void {
  const { against, data } = options;
  const needs = (name: keyof Options, flag: string, other: string): void => {
    if (options[name] === undefined) return;
    throw new UserError(`${flag} needs ${other}. Give both, or neither.`, { exitCode: 2 });
  };
  if (against === undefined) {
    needs('againstForm', '--against-form', '--against, a second network');
    needs('againstSecond', '--against-second', '--against, a second network');
    needs('againstUnits', '--against-units', '--against, a second network');
  }
  if (data === undefined) {
    const pictures = '--data, the pictures that excite maps';
    needs('second', '--second', pictures);
    needs('units', '--units', pictures);
    needs('againstSecond', '--against-second', pictures);
    needs('againstUnits', '--against-units', pictures);
  }
}

interface Described {
  readonly report: FilterReport;
  readonly weights: string;
  readonly deadMaps: readonly number[] | null;
  readonly second: SecondLayer | undefined;
}

/** What is asked of a network's second layer. */
interface SecondChoice {
  readonly path: string | undefined;
  readonly units: readonly number[] | undefined;
}

async function filters(name: string, options: Options, watch: Watch) {
  const [{ drawFilters }, { writeDrawing }, { writeNpy }, { writeFileAtomic }] = await Promise.all([
    import('../../explain/filters-figure.ts'),
    import('../../figures/svg.ts'),
    import('../../weights/npy.ts'),
    import('../../files.ts'),
  ]);
  const { out, against, againstForm } = options;
  checkTogether(options);
  const own = {
    network: name,
    weights: options.weights,
    form: options.form as Form | undefined,
    options: options.set,
  };
  const described = [
    await describeFilters(own, options, { path: options.second, units: options.units }, watch),
  ];
  if (against !== undefined) {
    const other = { ...against, form: againstForm as Form | undefined };
    const choice = { path: options.againstSecond, units: options.againstUnits };
    described.push(await describeFilters(other, options, choice, watch));
  }
  const figure = join(out, 'filters.png');
  const alike = described[0]?.report.name === described[1]?.report.name;
  const reports = described.map(({ report, weights }) =>
    alike ? { ...report, name: `${report.name}, ${basename(weights, extname(weights))}` } : report,
  );
  const seconds = described.map(({ second }) => second);
  const what = seconds.some((second) => second !== undefined)
    ? 'First and second layer'
    : 'First-layer filters';
  const title = `${what} of ${reports.map((report) => report.name).join(' and ')}`;
  const subtitle =
    'A network that sees well covers low, middle and high frequencies, and no filter outweighs the others (ZFNet, figure 6)';
  await writeDrawing(figure, await drawFilters(reports, title, subtitle, seconds));
  const networks = described.map(({ report, weights, deadMaps, second }, i) => {
    const stem = i === 0 ? 'filters' : 'against';
    const { layer, spectrum, bands, beyondStride, min, max } = report;
    const files = { filters: join(out, `${stem}.npy`), spectrum: join(out, `${stem}-spectrum.npy`) };
    writeNpy(files.filters, [layer.count, layer.channels, layer.height, layer.width], report.weights);
    writeNpy(files.spectrum, [spectrum.side, spectrum.side], Float32Array.from(spectrum.power));
    const writeSecond = ({ blocks: _, projections, ...rest }: SecondLayer, path: string) => {
      writeNpy(path, projections.shape, projections.data);
      return { ...rest, projections: path };
    };
    return {
      net: report.name,
      weights,
      layer: layer.path,
      filters: layer.count,
      channels: layer.channels,
      kernel: [layer.height, layer.width],
      stride: layer.stride,
      min,
      max,
      scale: report.scale ?? null,
      clipped: report.clipped,
      rms: Array.from(report.rms),
      deadFilters: report.dead,
      deadMaps,
      energy: { ...bands, beyondStride },
      energyByFrequency: { edges: Array.from(spectrum.edges), shares: Array.from(spectrum.shares) },
      second: second === undefined ? null : writeSecond(second, join(out, `${stem}-second.npy`)),
      files,
    };
  });
  const result = { networks, figure };
  writeFileAtomic(join(out, 'filters.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

async function describeFilters(
  request: ModelRequest,
  options: Options,
  choice: SecondChoice,
  watch: Watch,
): Promise<Described> {
  const [{ reportFilters }, { openModel, buildModel, outputsOf, weightsFor }, { preprocessingOfFile }] =
    await Promise.all([
      import('../../explain/filters-report.ts'),
      import('../../evaluate/model.ts'),
      import('../../evaluate/prepare.ts'),
    ]);
  const { status, signal } = watch;
  const { scale, channelOrder, data } = options;
  if (data === undefined) {
    const model = openModel(request);
    for (const sentence of model.notes) status.note(sentence);
    const preprocessing = preprocessingOfFile(model, {});
    const network = buildModel(model, outputsOf(model) ?? model.formDescription.classes, preprocessing, 1);
    const order = channelOrder ?? preprocessing.order;
    const report = reportFilters(network, weightsFor(model, network), { scale, order });
    return { report, weights: model.path, deadMaps: null, second: undefined };
  }
  const [
    { scanLayers },
    { layerHealth, rectifiedLayers },
    { lookAtSecond, secondLayer },
    top,
    { findLayer },
  ] = await Promise.all([
    import('../../explain/scan.ts'),
    import('../../explain/health.ts'),
    import('../../explain/filters-second.ts'),
    import('../../explain/top.ts'),
    import('../../explain/layer.ts'),
  ]);
  const opened = await openScanFor(request.network ?? '', options, watch, request);
  const { subject } = opened;
  const network = subject.build(1);
  const report = reportFilters(network, subject.tensors, { scale, order: subject.preprocessing.order });
  // The maps of the first layer are what its first ReLU lets through; without one, what the filters give.
  const [first = report.layer.path] = rectifiedLayers(network);
  const wanted = options.maps > 0 || choice.units !== undefined;
  const path = wanted ? (choice.path ?? secondLayer(network)) : undefined;
  // A slip in a unit shall not wait for the scan.
  if (path !== undefined) top.checkUnits(path, findLayer(network, path).units, choice.units ?? []);
  const [scan, second] = await scanLayers({
    subject,
    source: opened.data.source,
    data: opened.checksum,
    layers: path === undefined ? [first] : [first, path],
    engine: opened.engine,
    dtype: opened.dtype,
    batch: options.batch,
    folder: await scanFolderOf(options),
    signal,
    onNote: status.note,
    onProgress: (done, total) => status.show(`${report.name}: ${count(done)} of ${count(total)} pictures`),
  });
  if (scan === undefined) throw new Error('The scan of one layer gave none.');
  const { dead, units, pictures } = layerHealth(scan);
  const deadMaps = `${dead.length} of ${units} maps never above zero in ${count(pictures)} pictures of ${opened.data.name}.`;
  const described = { report: { ...report, deadMaps }, weights: opened.model.path, deadMaps: dead };
  // One scan where the second layer is the first one's.
  const looked = path === first ? scan : second;
  if (path === undefined || looked === undefined) return { ...described, second: undefined };
  status.show(`${report.name}: projecting maps of ${path}`);
  const { seed = 1, maps, rule } = options;
  const chosen = choice.units ?? top.chooseUnits(looked.units, maps, seed);
  const words =
    choice.units === undefined
      ? `${chosen.length} of ${looked.units} maps, drawn with seed ${seed}`
      : `${chosen.length} chosen maps of ${looked.units}`;
  return {
    ...described,
    second: await lookAtSecond(opened, looked, { units: chosen, rule, chosen: words }, signal),
  };
}

function describe(network: Awaited<ReturnType<typeof filters>>['networks'][number]): string {
  const { net, layer, filters: number, kernel, stride, rms, deadFilters, deadMaps, energy, second } = network;
  const share = (value: number): string => percent(100 * value);
  return pairs([
    ['Network', net],
    ['Layer', `${layer}: ${number} filters of ${kernel.join('x')}, stride ${stride[0]}`],
    ['RMS', `${Math.min(...rms).toPrecision(3)} to ${Math.max(...rms).toPrecision(3)}`],
    ['Without weight', `${deadFilters.length} filters`],
    ...(deadMaps === null ? [] : [['Never awake', `${deadMaps.length} maps`] as const]),
    ['Energy', `low ${share(energy.low)}, middle ${share(energy.middle)}, high ${share(energy.high)}`],
    ['Above the stride', share(energy.beyondStride)],
    ...(second === null
      ? []
      : [
          [
            'Second layer',
            `${second.layer}: ${second.maps.length} of ${second.units} maps, ${second.dead.length} never awake`,
          ] as const,
        ]),
  ]);
}
