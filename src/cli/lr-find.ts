// `laurel lr-find NET`: trains for a hundred steps while the learning rate grows, suggests one, and leaves a figure.
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { RateSearch } from '../train/rehearse/lr-find.ts';
import { numberFrom, wholeNumber } from './options.ts';
import { intoFolder } from './out-folder.ts';
import { duration, pairs } from './output.ts';
import { tell } from './rehearse.ts';
import { runStoppable } from './stoppable.ts';
import { addTrainingFlags, freshFolder, fromHere, type TrainingFlags, trainingRequest } from './train.ts';
import { addJson, addVerb } from './verb.ts';

interface Options extends TrainingFlags {
  from?: number;
  to?: number;
  rates?: number;
}

export function addLrFind(program: Command): void {
  const command = addVerb(
    program,
    'lr-find',
    'try growing learning rates for a hundred steps, and suggest one',
    'laurel lr-find lenet --data fashion-mnist',
    'laurel lr-find resnet18 --form cifar --data cifar-100 --recipe fast --out rates',
  ).argument('<net>', 'name of a network (`laurel nets` lists them)');
  command
    .addOption(new Option('--from <rate>', 'the first rate; default: 1e-7').argParser(numberFrom(0)))
    .addOption(new Option('--to <rate>', 'the last rate; default: 10').argParser(numberFrom(0)))
    .addOption(
      new Option('--rates <n>', 'rates to try, one step each; default: 100').argParser(wholeNumber(10)),
    );
  addTrainingFlags(command);
  addJson(command).action(async (name: string, options: Options) => {
    if (options.data === undefined) {
      throw new UserError('No data to train on. Name a data set or a folder with --data.', { exitCode: 2 });
    }
    const out = options.out ?? freshFolder(`lr-find-${name}`);
    await runStoppable(
      options,
      async ({ status, signal }) => {
        const [{ findLearningRate }, { drawRateSearch }, { findNetwork }] = await Promise.all([
          import('../train/rehearse/lr-find.ts'),
          import('../train/rehearse/lr-find-figure.ts'),
          import('../nets/index.ts'),
        ]);
        findNetwork(name);
        return intoFolder(out, async () => {
          const search = await findLearningRate({
            ...trainingRequest(name, options),
            from: options.from,
            to: options.to,
            steps: options.rates,
            signal,
            onEvent: tell(status),
            onStep: (done, total, rate, loss) =>
              status.show(`step ${done} of ${total}  rate ${rate.toExponential(1)}  loss ${loss.toFixed(3)}`),
          });
          const figures = await drawRateSearch(out, search);
          const data = join(out, 'lr-find.json');
          writeFileAtomic(data, `${JSON.stringify(search, null, 2)}\n`);
          if (search.suggestion === null) process.exitCode = 1;
          return { ...search, files: [...figures, data] };
        });
      },
      (result) => describe(result, result.files),
    );
  });
}

function describe(search: RateSearch, files: readonly string[]): string {
  const { suggestion, lowest, stopped, recipeRate, recipe, points, steps } = search;
  const short = (value: number): string => `${Number(value.toPrecision(2))}`;
  const ended =
    stopped === null
      ? `all ${steps} steps`
      : `stopped after ${points.length} of ${steps} steps, at the rate ${short(stopped.rate)}: ${stopped.reason}`;
  return [
    pairs([
      ['Network', `${search.network}, form ${search.form}, on ${search.dataset}`],
      [
        'Protocol',
        `rates from ${search.from} to ${search.to}, batch ${search.batch}, recipe ${recipe}, ${search.dtype}, seed ${search.seed}`,
      ],
      ['Search', `${ended}; ${duration(search.seconds)}`],
      ...(lowest === null
        ? []
        : [
            [
              'Lowest loss',
              `${lowest.loss.toFixed(3)} (smoothed), at the rate ${short(lowest.rate)}`,
            ] as const,
          ]),
      ['Recipe', `its largest rate is ${recipeRate}`],
      ['Files', files.map(fromHere).join('\n')],
    ]),
    '',
    suggestion === null
      ? 'No suggestion: the loss does not fall at any rate. Try --overfit-batch, and look at the data and at --from and --to.'
      : `Suggested rate: ${suggestion}, the largest at which the smoothed loss falls (nearly) fastest. Try it with --lr ${suggestion}.`,
  ].join('\n');
}
