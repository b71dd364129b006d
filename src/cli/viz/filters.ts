// `laurel viz filters NET`: first-layer filters as pictures, with RMS and frequency content, of one network or of two
// side by side: figure 6 of the ZFNet paper.
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ModelRequest } from '../../evaluate/model.ts';
import type { FilterReport } from '../../explain/filters-report.ts';
import type { Form } from '../../nets/network.ts';
import { oneOf } from '../options.ts';
import { count, pairs, percent } from '../output.ts';
import type { Watch } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { addScanOptions, openScanFor, runScanVerb, type ScanOptions, scanFolderOf } from './scan-options.ts';

interface Options extends ScanOptions {
  against?: ModelRequest;
  againstForm?: string;
  scale: 'shared' | 'own';
  out: string;
}

export function addFilters(viz: Command): void {
  const command = addVerb(
    viz,
    'filters',
    'first-layer filters as pictures, their RMS and frequency content (figure 6)',
    'laurel viz filters googlenet --weights googlenet.safetensors --out filters',
    'laurel viz filters zfnet --weights runs/zfnet --against alexnet=runs/alexnet --data imagenet/val --out figure6',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .requiredOption('--out <folder>', 'where filters.png, filters.json and the .npy files go')
    .addOption(
      new Option('--against <net=weights>', 'a second network, drawn beside the first').argParser(parseModel),
    )
    .option('--against-form <form>', 'its form, where its weights do not say it')
    .addOption(
      new Option('--scale <which>', 'shared: one colour scale for all filters; own: one for each')
        .argParser(oneOf('shared', 'own'))
        .default('shared'),
    );
  addScanOptions(command, 'a data set to count the maps that never wake; default: none');
  addJson(command).action((name: string, options: Options) =>
    runScanVerb(
      options,
      (watch) => filters(name, options, watch),
      ({ networks, figure }) => [...networks.map(describe), figure].join('\n\n'),
    ),
  );
}

function parseModel(text: string): ModelRequest {
  const [, network, weights] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (network !== undefined && weights !== undefined) return { network, weights };
  throw new InvalidArgumentError('Expected NET=WEIGHTS, e.g. alexnet=runs/alexnet.');
}

interface Described {
  readonly report: FilterReport;
  readonly weights: string;
  readonly deadMaps: readonly number[] | null;
}

async function filters(name: string, options: Options, watch: Watch) {
  const [{ drawFilters }, { writeDrawing }, { writeNpy }, { makeFolder, writeFileAtomic }] =
    await Promise.all([
      import('../../explain/filters-figure.ts'),
      import('../../figures/svg.ts'),
      import('../../weights/npy.ts'),
      import('../../files.ts'),
    ]);
  const { out, against, againstForm } = options;
  makeFolder(out);
  const own = {
    network: name,
    weights: options.weights,
    form: options.form as Form | undefined,
    options: options.set,
  };
  const described: Described[] = [];
  for (const request of [
    own,
    ...(against === undefined ? [] : [{ ...against, form: againstForm as Form | undefined }]),
  ]) {
    described.push(await describeFilters(request, options, watch));
  }
  const figure = join(out, 'filters.png');
  const reports = described.map(({ report }) => report);
  const title = `First-layer filters of ${reports.map((report) => report.name).join(' and ')}`;
  const subtitle =
    'A network that sees well covers low, middle and high frequencies, and no filter outweighs the others (ZFNet, figure 6)';
  await writeDrawing(figure, await drawFilters(reports, title, subtitle));
  const networks = described.map(({ report, weights, deadMaps }, i) => {
    const stem = i === 0 ? 'filters' : 'against';
    const { layer, spectrum, bands, beyondStride, min, max } = report;
    const files = { filters: join(out, `${stem}.npy`), spectrum: join(out, `${stem}-spectrum.npy`) };
    writeNpy(files.filters, [layer.count, layer.channels, layer.height, layer.width], report.weights);
    writeNpy(files.spectrum, [spectrum.side, spectrum.side], Float32Array.from(spectrum.power));
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
      files,
    };
  });
  const result = { networks, figure };
  writeFileAtomic(join(out, 'filters.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

async function describeFilters(request: ModelRequest, options: Options, watch: Watch): Promise<Described> {
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
    return { report, weights: model.path, deadMaps: null };
  }
  const [{ scanLayers }, { layerHealth, rectifiedLayers }] = await Promise.all([
    import('../../explain/scan.ts'),
    import('../../explain/health.ts'),
  ]);
  const opened = await openScanFor(request.network ?? '', options, watch, request);
  const { subject } = opened;
  const network = subject.build(1);
  const report = reportFilters(network, subject.tensors, { scale, order: subject.preprocessing.order });
  // The maps of the first layer are what its first ReLU lets through; without one, what the filters give.
  const [first = report.layer.path] = rectifiedLayers(network);
  const [scan] = await scanLayers({
    subject,
    source: opened.data.source,
    data: opened.checksum,
    layers: [first],
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
  return { report: { ...report, deadMaps }, weights: opened.model.path, deadMaps: dead };
}

function describe(network: Awaited<ReturnType<typeof filters>>['networks'][number]): string {
  const { net, layer, filters: number, kernel, stride, rms, deadFilters, deadMaps, energy } = network;
  const share = (value: number): string => percent(100 * value);
  return pairs([
    ['Network', net],
    ['Layer', `${layer}: ${number} filters of ${kernel.join('x')}, stride ${stride[0]}`],
    ['RMS', `${Math.min(...rms).toPrecision(3)} to ${Math.max(...rms).toPrecision(3)}`],
    ['Without weight', `${deadFilters.length} filters`],
    ...(deadMaps === null ? [] : [['Never awake', `${deadMaps.length} maps`] as const]),
    ['Energy', `low ${share(energy.low)}, middle ${share(energy.middle)}, high ${share(energy.high)}`],
    ['Above the stride', share(energy.beyondStride)],
  ]);
}
