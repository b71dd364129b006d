// `laurel eval NET`: tests weights on a data set, as one view per picture.
import type { Command } from 'commander';
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, wholeNumber } from './options.ts';
import { count, duration, pairs, percent, printResult, table } from './output.ts';
import { preparePlace } from './place.ts';
import { statusLine } from './status.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'labels' | 'split' | 'form' | 'batch' | 'engine' | 'dtype' | 'threads'
>;
interface Options extends Shared {
  perClass?: boolean;
  confusion?: string;
  predictions?: string;
  workers?: number;
}

export function addEval(program: Command): void {
  const command = addVerb(
    program,
    'eval',
    'test weights on a data set: top-1 and top-5 error',
    'laurel eval lenet --weights runs/first --data fashion-mnist',
    'laurel eval lenet --weights runs/first --per-class --confusion confusion.png',
  ).argument('<net>', 'name of a network (`laurel nets` lists them)');
  addShared(command, 'weights', 'data', 'labels', 'split', 'form', 'batch', 'engine', 'dtype', 'threads');
  command
    .option('--per-class', 'print the error of each class')
    .option('--confusion <file>', 'draw the confusion matrix (.png or .svg)')
    .option('--predictions <file>', 'draw a sheet of pictures with answers (.png or .svg)')
    .option('--workers <n>', 'threads that make batches ready; default: 1', wholeNumber(0));
  addJson(command).action(async (name: string, options: Options) => {
    const { evaluate } = await import('../evaluate/evaluate.ts');
    const status = statusLine();
    const { confusion, predictions } = options;
    preparePlace(confusion);
    preparePlace(predictions);
    const result = await evaluate({
      network: name,
      form: options.form as Form | undefined,
      weights: options.weights,
      data: options.data,
      labels: options.labels,
      split: options.split,
      batch: options.batch,
      engine: options.engine,
      dtype: options.dtype,
      threads: options.threads,
      workers: options.workers,
      figures: { confusion, predictions },
      onNote: status.note,
      onData: ({ activity, item, done, total }) =>
        status.show(`${activity} ${item}${total ? ` ${Math.floor((100 * done) / total)} %` : ''}`),
      onProgress: (done, total) => status.show(`${count(done)} of ${count(total)} pictures`),
    }).finally(status.clear);
    printResult(options.json, result, () => describe(result, options));
  });
}

function describe(result: Evaluation, options: Options): string {
  const { protocol, n, seconds } = result;
  const { engine, dtype, batch } = protocol;
  const drawn = [options.confusion, options.predictions].filter((path) => path !== undefined);
  return [
    pairs([
      ['Network', `${result.network}, form ${result.form}`],
      ['Weights', result.weights],
      ['Data', `${result.dataset}, ${result.split}: ${count(n)} pictures`],
      ['Top-1 error', percent(result.top1Error)],
      ['Top-5 error', percent(result.top5Error)],
      ['Loss', result.loss.toFixed(4)],
      ['Time', `${duration(seconds)}, ${count(Math.round(n / seconds))} images/s`],
      ['Protocol', `${protocol.crops}; batch ${batch}, ${dtype}, ${engine.library ?? engine.name}`],
      ...drawn.map((path): [string, string] => ['Drawn', path]),
    ]),
    ...(options.perClass ? ['', perClassTable(result)] : []),
  ].join('\n');
}

function perClassTable({ perClass }: Evaluation): string {
  const rows = perClass.map(({ class: name, n, top1Error }) => [
    name,
    count(n),
    top1Error === null ? '' : percent(top1Error),
  ]);
  return table([['class', 'pictures', 'top-1 error'], ...rows], ['left', 'right', 'right']);
}
