// `laurel report NET`: what there is to see in a network, as a folder of pages that a browser opens without a server.
import { type Command, Option } from 'commander';
import type { Rule } from '../explain/project.ts';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { bold, columns, count } from './output.ts';
import { runStoppable } from './stoppable.ts';
import { addPreparationFlags, type PreparationFlags, preparationRequest } from './test-options.ts';
import { addJson, addVerb } from './verb.ts';
import { nameList } from './viz/lists.ts';
import { addCacheOptions, scanFolderOf } from './viz/scan-options.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'labels' | 'split' | 'form' | 'set' | 'engine' | 'dtype' | 'threads' | 'seed'
>;
interface Options extends Shared, PreparationFlags {
  out: string;
  layers?: string[];
  maps: number;
  rule: Rule;
  pictures?: string[];
  evolution?: string;
  boxes?: string;
  probe?: string;
  invariance: boolean;
  occlusion: number;
  cache: string | boolean;
}

export function addReport(program: Command): void {
  const command = addVerb(
    program,
    'report',
    'everything there is to see in a network, as pages for the browser',
    'laurel report lenet --weights runs/first --data fashion-mnist --out report',
    'laurel report googlenet --weights googlenet.safetensors --data imagenet/val --layers conv1,inception4a --pictures cat.jpg,dog.jpg --out report',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .requiredOption('--out <folder>', 'where the pages go; an earlier report there is replaced')
    .addOption(
      new Option(
        '--layers <paths>',
        'layers to scan, e.g. conv1,layer3.0 (`laurel summary` lists them); default: the last one at each size of the maps',
      ).argParser(nameList),
    )
    .addOption(
      new Option('--maps <n>', 'how many maps of each layer are projected, drawn by --seed')
        .argParser(wholeNumber(0))
        .default(8),
    )
    .addOption(sharedOption('rule'))
    .addOption(
      new Option(
        '--pictures <list>',
        'pictures to look at by themselves: files, or numbers in the data set; default: three of the data set',
      ).argParser(nameList),
    )
    .option(
      '--evolution <folder>',
      'what `laurel viz evolution` left, or a watched run; default: the run that --weights names',
    )
    .option(
      '--boxes <file>',
      'boxes of parts in pictures, as `laurel viz correspondence` takes them (table 1)',
    )
    .option('--probe <folder>', 'what `laurel probe` left (table 7)')
    .option('--no-invariance', 'leave out moving, enlarging and turning the pictures (figure 5)')
    .addOption(
      new Option('--occlusion <n>', 'places of the occluding square along a side; 0 leaves occlusion out')
        .argParser(wholeNumber(0))
        .default(14),
    );
  addCacheOptions(command);
  addShared(command, 'weights');
  command.addOption(
    sharedOption('data', 'a known data set or a folder; default: what the weights were trained on'),
  );
  addShared(command, 'labels', 'split', 'form', 'set');
  addPreparationFlags(command);
  addShared(command, 'engine', 'dtype', 'threads', 'seed');
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      { ...options, kept: options.cache !== false },
      async ({ status, signal }) => {
        const { writeReport } = await import('../report/report.ts');
        const { cache, form, set, occlusion, json, ...rest } = options;
        return writeReport({
          ...rest,
          network: name,
          form: form as Form | undefined,
          options: set,
          preprocessing: preparationRequest(options),
          occlusionPlaces: occlusion,
          scans: await scanFolderOf(options),
          signal,
          onNote: status.note,
          onStatus: status.show,
          onData: ({ activity, item }) => status.show(`${activity} ${item}`),
        });
      },
      describe,
    );
  });
}

function describe({
  out,
  layers,
  pictures,
  experiments,
}: import('../report/report.ts').ReportResult): string {
  const rows = layers.map(({ path, units, projected, pictures: seen }) => [
    path,
    `${count(units)} maps`,
    `${projected.length} projected`,
    `${count(seen)} pictures`,
  ]);
  const looked = pictures.length === 0 ? [] : [`Pictures: ${pictures.join(', ')}`];
  const pages = experiments.length === 0 ? [] : [`Experiments: ${experiments.join(', ')}`];
  return [
    ...columns(rows, ['left', 'right', 'right']),
    ...looked,
    ...pages,
    `Open ${bold(out)} in a browser.`,
  ].join('\n');
}
