// `laurel eval NET`: tests weights on a data set, with the crops and scales that are asked for.
import type { Command } from 'commander';
import type { Ranks } from '../distribute/ranks.ts';
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, sharedOption } from './options.ts';
import { count, duration, pairs, percent, printResult, table } from './output.ts';
import { preparePlace } from './place.ts';
import { addShareFlags, asRanks, type RankFlags } from './rank-options.ts';
import { noStatusLine, statusLine } from './status.ts';
import { addTestFlags, type TestFlags, testRequest } from './test-options.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  | 'json'
  | 'weights'
  | 'data'
  | 'labels'
  | 'split'
  | 'form'
  | 'set'
  | 'batch'
  | 'engine'
  | 'dtype'
  | 'threads'
  | 'autotune'
>;
interface Options extends Shared, TestFlags, Pick<RankFlags, 'ranks' | 'rankTimeout'> {
  perClass?: boolean;
  confusion?: string;
  predictions?: string;
  mistakes?: string;
  perPicture?: string;
}

export function addEval(program: Command): void {
  const command = addVerb(
    program,
    'eval',
    'test weights on a data set: top-1 and top-5 error',
    'laurel eval lenet --weights runs/first --data fashion-mnist',
    'laurel eval lenet --weights runs/first --per-class --confusion confusion.png',
    'laurel eval googlenet --weights googlenet.safetensors --data imagenet/val --crops 10',
    'laurel eval vgg16 --weights vgg16.safetensors --data imagenet/val --crops dense --scales 256,384,512',
  ).argument('<net>', 'name of a network (`laurel nets` lists them)');
  addShared(command, 'weights', 'data', 'labels', 'split');
  addTestFlags(command);
  addShared(command, 'form', 'set');
  command.addOption(sharedOption('batch', 'views per run; default: 100, of large pictures 32'));
  addShared(command, 'engine', 'dtype', 'threads', 'autotune');
  command
    .option('--per-class', 'print the error of each class')
    .option('--confusion <file>', 'draw the confusion matrix (.png, .svg), or write it (.csv, .json)')
    .option('--predictions <file>', 'draw a sheet of pictures with answers (.png or .svg)')
    .option('--mistakes <file>', 'draw the most confident wrong answers (.png or .svg)')
    .option('--per-picture <file>', 'write a line for each picture (.csv or .json)');
  addShareFlags(command);
  addJson(command).action((name: string, options: Options) =>
    asRanks(options, (ranks) => test(name, options, ranks)),
  );
}

async function test(name: string, options: Options, ranks: Ranks): Promise<void> {
  const [{ evaluate }, { checkReport }] = await Promise.all([
    import('../evaluate/evaluate.ts'),
    import('../evaluate/report.ts'),
  ]);
  const status = ranks.leads ? statusLine() : noStatusLine;
  const { confusion, predictions, mistakes, perPicture } = options;
  if (perPicture !== undefined) checkReport(perPicture);
  if (ranks.leads) for (const file of [confusion, predictions, mistakes, perPicture]) preparePlace(file);
  const result = await evaluate({
    network: name,
    form: options.form as Form | undefined,
    options: options.set,
    ...testRequest(options),
    weights: options.weights,
    data: options.data,
    labels: options.labels,
    split: options.split,
    batch: options.batch,
    engine: options.engine,
    dtype: options.dtype,
    threads: options.threads,
    autotune: options.autotune,
    figures: { confusion, predictions, mistakes },
    perPicture,
    ranks,
    onNote: status.note,
    onData: ({ activity, item, done, total }) =>
      status.show(`${activity} ${item}${total ? ` ${Math.floor((100 * done) / total)} %` : ''}`),
    onProgress: (done, total) => status.show(`${count(done)} of ${count(total)} pictures`),
  }).finally(status.clear);
  if (ranks.leads) printResult(options.json, withoutLargeMatrix(result), () => describe(result, options));
}

/** Above so many classes a confusion matrix is millions of zeros, which `--confusion` writes to a file. */
const mostPrinted = 200;

function withoutLargeMatrix(result: Evaluation): object {
  return result.perClass.length > mostPrinted ? { ...result, confusion: null } : result;
}

function describe(result: Evaluation, options: Options): string {
  const { protocol, n, seconds } = result;
  const { engine, batch, members } = protocol;
  const eight = members.filter(({ eightBits }) => eightBits).length;
  const inEight =
    eight === 0 ? '' : eight === members.length ? ' with int8 layers' : ` with int8 layers in ${eight}`;
  const { confusion, predictions, mistakes, perPicture } = options;
  const written = [confusion, predictions, mistakes, perPicture].filter((path) => path !== undefined);
  return [
    pairs([
      ['Network', `${result.network}, form ${result.form}`],
      ['Weights', result.weights],
      ['Data', `${result.dataset}, ${result.split}: ${count(n)} pictures`],
      ['Top-1 error', percent(result.top1Error)],
      ['Top-5 error', percent(result.top5Error)],
      ['Loss', result.loss.toFixed(4)],
      ['Time', `${duration(seconds)}, ${speed(n / seconds)} images/s`],
      [
        'Protocol',
        `${protocol.crops}; batch ${batch}, ${protocol.dtype}${inEight}, ${engine.library ?? engine.name}${protocol.ranks ? `, ${protocol.ranks.count} ranks` : ''}`,
      ],
      ...written.map((path): [string, string] => ['Written', path]),
    ]),
    ...(options.perClass ? ['', perClassTable(result)] : []),
  ].join('\n');
}

function speed(imagesPerSecond: number): string {
  return imagesPerSecond < 10 ? imagesPerSecond.toFixed(2) : count(Math.round(imagesPerSecond));
}

function perClassTable({ perClass }: Evaluation): string {
  const shown = (error: number | null): string => (error === null ? '' : percent(error));
  const rows = perClass
    .filter(({ n }) => n > 0)
    .map(({ class: name, n, top1Error, top5Error }) => [name, count(n), shown(top1Error), shown(top5Error)]);
  const heading = ['class', 'pictures', 'top-1 error', 'top-5 error'];
  return table([heading, ...rows], ['left', 'right', 'right', 'right']);
}
