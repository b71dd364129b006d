// `laurel features NET`: what layers give for pictures, as NumPy arrays for other programs.
import { type Command, Option } from 'commander';
import type { OpenProgress } from '../data/datasets.ts';
import type { Form } from '../nets/network.ts';
import { addShared, oneOf, type SharedOptions, sharedOption } from './options.ts';
import { intoFolder } from './out-folder.ts';
import { count, duration, note, pairs } from './output.ts';
import { runStoppable } from './stoppable.ts';
import { addPreparationFlags, type PreparationFlags, preparationRequest } from './test-options.ts';
import { addJson, addVerb } from './verb.ts';
import { nameList } from './viz/lists.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'labels' | 'form' | 'set' | 'batch' | 'engine' | 'dtype' | 'threads'
>;
interface Options extends Shared, PreparationFlags {
  layer: string[];
  pool?: 'none' | 'average';
  split?: 'train' | 'test' | 'all';
  out: string;
}

export function addFeatures(program: Command): void {
  const command = addVerb(
    program,
    'features',
    'write what layers give for pictures, for other programs',
    'laurel features googlenet --weights googlenet.safetensors --data flowers --layer avgpool --out features',
    'laurel features resnet18 --weights runs/cifar100 --data cifar-10 --layer layer3,layer4 --pool average --out features',
    'laurel features lenet --weights runs/first digit.png --layer conv2 --out features',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .argument('[picture...]', 'picture files, instead of --data')
    .addOption(sharedOption('weights'))
    .addOption(
      new Option('--layer <paths>', 'layers, e.g. layer3,layer4.1; `pixels` is the prepared picture')
        .argParser(nameList)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--pool <how>', 'none (default), or average: each map becomes its mean').argParser(
        oneOf('none', 'average'),
      ),
    );
  addShared(command, 'data', 'labels');
  command.addOption(
    new Option('--split <split>', 'train, test or all (default)').argParser(oneOf('train', 'test', 'all')),
  );
  addShared(command, 'form', 'set');
  addPreparationFlags(command);
  command.addOption(sharedOption('batch', 'pictures per run; default: 32, fewer where layers are large'));
  addShared(command, 'engine', 'dtype', 'threads');
  command.addOption(sharedOption('out', 'the folder for the arrays').makeOptionMandatory());
  addJson(command).action(async (name: string, images: string[], options: Options) => {
    await runStoppable(
      options,
      async ({ status, signal }) => {
        const { extractFeatures } = await import('../explain/features.ts');
        const request = {
          network: name,
          weights: options.weights,
          ...(options.form && { form: options.form as Form }),
          ...(options.set && { options: options.set }),
          data: options.data,
          labels: options.labels,
          split: options.split,
          images,
          layers: options.layer,
          pool: options.pool,
          preprocessing: preparationRequest(options),
          out: options.out,
          batch: options.batch,
          engine: options.engine,
          dtype: options.dtype,
          threads: options.threads,
          signal,
          onNote: note,
          onData: ({ activity, item }: OpenProgress) => status.show(`${activity} ${item}`),
          onProgress: (done: number, total: number) =>
            status.show(`${count(done)} of ${count(total)} pictures`),
        };
        return intoFolder(options.out, () => extractFeatures(request));
      },
      describe,
    );
  });
}

type Result = Awaited<ReturnType<typeof import('../explain/features.ts').extractFeatures>>;

function describe(result: Result): string {
  const { layers, classes, splits, pictures } = result;
  const parts = splits.map(({ split, count: n }) => (split === 'all' ? count(n) : `${count(n)} ${split}`));
  return pairs([
    ['Network', `${result.net}, form ${result.form}`],
    ['Weights', result.weights],
    [
      'Pictures',
      `${result.data}: ${parts.join(' and ')}${classes.length > 0 ? `, ${classes.length} classes` : ''}`,
    ],
    ...layers.map(({ layer, file, shape }): [string, string] => [layer, `${file}, ${shape.join('x')}`]),
    ['Time', `${duration(result.seconds)}, ${count(Math.round(pictures / result.seconds))} images/s`],
    [
      'Protocol',
      `${result.dtype}, ${result.engine}${result.pool === 'average' ? ', averaged over positions' : ''}`,
    ],
    ['Written', result.out],
  ]);
}
