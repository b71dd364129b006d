// `npm run quickstart`: the first thing to try. Trains LeNet on Fashion-MNIST, tests it on the 10,000 test
// pictures, and says in words what came out and where it lies. Takes about a minute on two cores.
//
//   node tools/quickstart.ts [--epochs N] [--seed N] [--out DIR]
import { parseArgs } from 'node:util';
import { listenForInterrupt } from '../src/cli/interrupt.ts';
import { bold, duration, percent } from '../src/cli/output.ts';
import { freshFolder, fromHere, stopping } from '../src/cli/train.ts';
import { explainFailure } from '../src/cli/verb.ts';
import type { TrainResult } from '../src/train/options.ts';
import { createProgress } from '../src/train/progress.ts';
import { train } from '../src/train/trainer.ts';

const { values } = parseArgs({
  options: { epochs: { type: 'string' }, seed: { type: 'string' }, out: { type: 'string' } },
});
const out = values.out ?? freshFolder('quickstart');
const progress = createProgress(process.stderr);
const interruption = listenForInterrupt(() => progress.onEvent({ type: 'note', message: stopping }));
try {
  const result = await train({
    network: 'lenet',
    data: 'fashion-mnist',
    seed: values.seed === undefined ? undefined : Number(values.seed),
    overrides: values.epochs === undefined ? {} : { epochs: Number(values.epochs) },
    out,
    signal: interruption.signal,
    onEvent: progress.onEvent,
  });
  progress.close();
  console.log(
    result.status === 'finished' ? inWords(result) : `Stopped; what there is lies in ${result.out}.`,
  );
  process.exitCode = interruption.exitCode() ?? 0;
} catch (error) {
  progress.close();
  process.exitCode = interruption.exitCode() ?? explainFailure(error, []);
} finally {
  interruption.release();
}

function inWords(result: TrainResult): string {
  const { testTop1Error, testTop5Error, protocol, seconds } = result;
  const right = (error: number | null): string => percent(100 - (error as number));
  const folder = fromHere(result.out);
  const { engine, dtype, seed, pictures } = protocol;
  return `
${bold(`LeNet names ${right(testTop1Error)} of ${pictures.test.toLocaleString('en-US')} test pictures correctly.`)}
The right answer is among its first five for ${right(testTop5Error)}. It trained for ${duration(seconds)} on
${pictures.train.toLocaleString('en-US')} pictures (${engine.library ?? engine.name}, ${dtype}, ${engine.threads} threads, seed ${seed}).

It left in ${folder}:
  figures/predictions.png   test pictures with the answers, right and wrong
  figures/confusion.png     what is taken for what
  figures/loss.png          the curves of the training, and error.png
  summary.json              all the numbers

Try next:
  npx laurel eval lenet --weights ${folder} --per-class
  npx laurel classify lenet --weights ${folder} YOUR-PICTURE.png
  npx laurel summary resnet18 --form cifar
  npx laurel train resnet18 --form cifar --data cifar-100 --recipe fast --epochs 15`;
}
