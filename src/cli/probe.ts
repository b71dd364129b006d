// `laurel probe NET`: a linear classifier on the frozen features of each layer: how much a layer tells of the classes
// of any data set (table 7 of the ZFNet paper).
import { type Command, Option } from 'commander';
import type { Form } from '../nets/network.ts';
import { addShared, numberFrom, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { intoFolder } from './out-folder.ts';
import { count, note, pairs, table } from './output.ts';
import { runStoppable } from './stoppable.ts';
import { addJson, addVerb } from './verb.ts';
import { nameList } from './viz/lists.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'labels' | 'form' | 'set' | 'batch' | 'engine' | 'dtype' | 'threads' | 'seed'
>;
interface Options extends Shared {
  layers?: string[];
  epochs?: number;
  lr?: number;
  weightDecay?: number;
  features?: number;
  perClass?: number;
  memory?: number;
  cache?: string;
  out: string;
}

export function addProbe(program: Command): void {
  const command = addVerb(
    program,
    'probe',
    'train a linear classifier on the frozen features of each layer',
    'laurel probe lenet --weights runs/first --data fashion-mnist --out probe',
    'laurel probe resnet18 --weights runs/cifar100 --data cifar-10 --per-class 100 --out probe',
    'laurel probe lenet --weights runs/first --layers pixels,conv1,conv2 --epochs 20 --out probe',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'));
  command.addOption(
    sharedOption('data', 'a known data set or a folder; default: the one that the weights were trained on'),
  );
  addShared(command, 'labels', 'form', 'set');
  command
    .option(
      '--layers <paths>',
      'layers, e.g. pixels,conv1,layer3.0; default: the pixels and each stretch with weights of its own',
      nameList,
    )
    .addOption(
      new Option('--epochs <n>', 'passes over the training features; default: 20').argParser(wholeNumber(1)),
    )
    .addOption(sharedOption('batch', 'pictures per step of the classifier; default: 128'))
    .addOption(new Option('--lr <rate>', 'the largest learning rate; default: 4').argParser(numberFrom(0)))
    .addOption(
      new Option('--weight-decay <x>', 'L2 pull on the weights; default: 0').argParser(numberFrom(0)),
    )
    .addOption(
      new Option(
        '--features <n>',
        'layers with more values are averaged over positions until they have so many; default: 2048',
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option(
        '--per-class <n>',
        'training pictures of each class, drawn by --seed; default: all',
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--memory <gib>', 'memory that features may take; default: 1').argParser(numberFrom(0)),
    );
  command.option(
    '--cache <folder>',
    'keep features there, four bytes each, so that a stopped or repeated probe goes on from them; default: nowhere',
  );
  addShared(command, 'engine', 'dtype', 'threads', 'seed');
  command.addOption(sharedOption('out', 'the folder for the figure and the data').makeOptionMandatory());
  addJson(command).action(async (name: string, options: Options) => {
    await runStoppable(
      { ...options, kept: options.cache !== undefined },
      async ({ status, signal }) => {
        const { makeProbe } = await import('../explain/probe-open.ts');
        const made = () =>
          makeProbe({
            network: name,
            form: options.form as Form | undefined,
            options: options.set,
            weights: options.weights,
            data: options.data,
            labels: options.labels,
            layers: options.layers,
            epochs: options.epochs,
            batch: options.batch,
            learningRate: options.lr,
            weightDecay: options.weightDecay,
            limit: options.features,
            perClass: options.perClass,
            memory: options.memory === undefined ? undefined : options.memory * 2 ** 30,
            engine: options.engine,
            dtype: options.dtype,
            threads: options.threads,
            seed: options.seed,
            cache: options.cache,
            out: options.out,
            signal,
            onNote: note,
            onData: ({ activity, item }) => status.show(`${activity} ${item}`),
            onProgress: (what, done, total) => status.show(`${what}: ${count(done)} of ${count(total)}`),
          });
        return intoFolder(options.out, made);
      },
      describe,
    );
  });
}

type Result = Awaited<ReturnType<typeof import('../explain/probe-open.ts').makeProbe>>;

function describe(result: Result): string {
  const { pictures } = result;
  const rows = result.layers.map(({ layer, row, train, test }) => [
    layer,
    `${count(row.features)}${row.averaged ? ' averaged' : ''}`,
    train.top1Error.toFixed(2),
    test.top1Error.toFixed(2),
    test.top5Error.toFixed(2),
  ]);
  const titles = [
    'layer',
    'features',
    'training top-1 error, %',
    'test top-1 error, %',
    'test top-5 error, %',
  ];
  return [
    pairs([
      ['Network', `${result.net}, form ${result.form}`],
      ['Data', `${result.data}: ${count(pictures.train)} training, ${count(pictures.test)} test pictures`],
      [
        'Protocol',
        `${result.epochs} epochs, batch ${result.batch}, rate ${result.learningRate}, seed ${result.seed}; ${result.dtype}, ${result.engine}`,
      ],
    ]),
    table([titles, ...rows], ['left', 'right', 'right', 'right', 'right']),
    result.figure,
  ].join('\n\n');
}
