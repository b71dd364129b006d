// `laurel viz evolution NET`: how features came to be, from weights of several moments of a training: figure 4 of the
// ZFNet paper.
import { type Command, Option } from 'commander';
import type { Animation } from '../../explain/evolution-files.ts';
import type { Rule } from '../../explain/project.ts';
import type { Form } from '../../nets/network.ts';
import { addShared, oneOf, type SharedOptions, sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { bold, columns, count, pairs } from '../output.ts';
import type { StatusLine } from '../status.ts';
import { runStoppable } from '../stoppable.ts';
import { addJson, addVerb } from '../verb.ts';
import { nameList, unitsOption } from './lists.ts';
import { addCacheOptions, scanFolderOf } from './scan-options.ts';
import { addOutOption } from './shared.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'data' | 'labels' | 'split' | 'form' | 'set' | 'batch' | 'engine' | 'dtype' | 'threads' | 'seed'
>;
interface Options extends Shared {
  weights?: string[];
  runs?: string[];
  layer?: string[];
  maps?: number;
  units?: number[];
  rule: Rule;
  animation: Animation;
  cache: string | boolean;
  out: string;
}

export function addEvolution(viz: Command): void {
  const command = addVerb(
    viz,
    'evolution',
    'how features came to be: maps at several epochs of a training (figure 4)',
    'laurel train lenet --data fashion-mnist --watch conv1,conv2 --out runs/watched',
    'laurel viz evolution lenet --runs runs/watched --layer conv2 --maps 12 --out evolution',
    'laurel viz evolution lenet --weights early.safetensors late.safetensors --data mnist --layer conv2 --out evolution',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(
      new Option(
        '--weights <files...>',
        'weights files in the order of the training, or folders of watched runs',
      ).conflicts('runs'),
    )
    .option('--runs <folders...>', 'folders of runs that were trained with --watch')
    .option(
      '--layer <paths>',
      'one or more layers, e.g. conv1,layer3.0; default: those that the training watched',
      nameList,
    )
    .addOption(
      new Option('--maps <n>', 'how many maps of each layer, drawn by --seed; default: 8').argParser(
        wholeNumber(1),
      ),
    )
    .addOption(unitsOption().conflicts('maps'))
    .addOption(sharedOption('rule'))
    .addOption(
      new Option('--animation <kind>', 'webp or gif')
        .argParser(oneOf<Animation>('webp', 'gif'))
        .default('webp'),
    );
  addCacheOptions(command);
  addShared(command, 'data', 'labels');
  command.addOption(sharedOption('split', 'train (default) or test').default('train'));
  addShared(command, 'form', 'set');
  command.addOption(
    sharedOption('batch', 'pictures per run of the scan; default: as many as memory allows, at most 32'),
  );
  addShared(command, 'engine', 'dtype', 'threads', 'seed');
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      { ...options, kept: options.cache !== false },
      ({ status, signal }) => intoFolder(options.out, () => evolution(name, options, signal, status)),
      describe,
    );
  });
}

async function evolution(name: string, options: Options, signal: AbortSignal, status: StatusLine) {
  const { makeEvolution } = await import('../../explain/evolution-open.ts');
  return makeEvolution({
    network: name,
    form: options.form as Form | undefined,
    options: options.set,
    weights: options.weights ?? options.runs ?? [],
    data: options.data,
    labels: options.labels,
    split: options.split,
    layers: options.layer,
    maps: options.maps,
    units: options.units,
    seed: options.seed,
    rule: options.rule,
    animation: options.animation,
    batch: options.batch,
    engine: options.engine,
    dtype: options.dtype,
    threads: options.threads,
    out: options.out,
    cache: await scanFolderOf(options),
    signal,
    onNote: status.note,
    onData: ({ activity, item }) => status.show(`${activity} ${item}`),
    onProgress: (done, total) =>
      status.show(`looking for the strongest: ${count(done)} of ${count(total)} pictures`),
  });
}

function describe(result: Awaited<ReturnType<typeof evolution>>): string {
  const parts = result.layers.map(({ layer, maps, figure, animation, units }) => {
    const rows = maps.map(({ unit, moments }) => {
      const jumps = moments.filter(({ jump }) => jump).map(({ stage }) => stage);
      return [
        `map ${unit}`,
        moments.map(({ activation }) => activation?.toPrecision(3) ?? '?').join(' '),
        jumps.length === 0 ? 'one picture throughout' : `another picture at ${jumps.join(', ')}`,
      ];
    });
    return [
      bold(`${layer} (${units} maps)`),
      ...columns(rows).map((line) => `  ${line}`),
      `  ${figure}`,
      `  ${animation}`,
    ].join('\n');
  });
  const head = pairs([
    ['Network', `${result.net}, form ${result.form}`],
    ['Weights', result.stages.map((stage) => stage.name).join(', ')],
    ['Data', `${result.data}, ${result.split}: ${count(result.pictures)} pictures`],
  ]);
  return [head, ...parts].join('\n\n');
}
