// `laurel train NET --dry-run` and `--overfit-batch`: a training that is tried and leaves nothing behind.

import { engineInWords } from '../engines/in-words.ts';
import { plural } from '../plural.ts';
import type { TrainEvent } from '../train/options.ts';
import type { DryRun } from '../train/rehearse/dry-run.ts';
import type { OverfitResult } from '../train/rehearse/overfit.ts';
import { count, duration, pairs, percent, rounded, table } from './output.ts';
import type { StatusLine } from './status.ts';
import { runStoppable } from './stoppable.ts';
import { type TrainingFlags, trainingRequest } from './train.ts';

export interface RehearsalFlags extends TrainingFlags {
  smoke?: boolean;
  warnings?: boolean;
}

/** Shows on the status line what the data are doing, and notes as lines of their own. */
export function tell(status: StatusLine): (event: TrainEvent) => void {
  return (event) => {
    if (event.type === 'note') status.note(event.message);
    else if (event.type === 'data') status.show(`${event.progress.activity} ${event.progress.item}`);
  };
}

export async function showDryRun(name: string, options: RehearsalFlags): Promise<void> {
  await runStoppable(
    options,
    async ({ status, signal }) => {
      const { dryRun } = await import('../train/rehearse/dry-run.ts');
      const { describeRecipe } = await import('../train/recipes/describe.ts');
      const { smoke, warnings } = options;
      const request = trainingRequest(name, options);
      const result = await dryRun({ ...request, smoke, warnings, signal, onEvent: tell(status) });
      return { ...result, recipeInWords: describeRecipe(result.recipe, result.large) };
    },
    (result) => describeDryRun(result, result.recipeInWords),
  );
}

function describeDryRun(result: DryRun, recipe: readonly [string, string][]): string {
  const { engine, memory, measured, estimate, pictures } = result;
  const weighty = result.layers.filter(({ params, macs }) => params > 0 || macs > 0);
  const rows = weighty.map(({ name, op, outputShape, params, macs }) => [
    name,
    op,
    outputShape.slice(1).join('x'),
    params === 0 ? '' : count(params),
    macs === 0 ? '' : count(macs),
  ]);
  const mib = (bytes: number): string => `${count(Math.ceil(bytes / 2 ** 20))} MiB`;
  const held = pictures.validation > 0 ? `, ${count(pictures.validation)} for validation` : '';
  const { parameters, trainedParameters } = result;
  const trained =
    trainedParameters === parameters
      ? ''
      : ` (trained: ${count(trainedParameters)}${trainedParameters > parameters ? ', side heads too' : ''})`;
  const timed = measured.steps === 1 ? 'one step' : `the median of ${measured.steps} steps`;
  return [
    table(
      [['layer', 'op', 'output', 'parameters', 'MACs'], ...rows],
      ['left', 'left', 'left', 'right', 'right'],
    ),
    '',
    pairs([
      [
        'Network',
        `${result.network}, form ${result.form}: ${result.input.join('x')} pictures, ${count(result.classes)} classes`,
      ],
      [
        'Size',
        `${count(result.parameters)} parameters${trained}, ${rounded(result.macs)} multiply-adds for one picture`,
      ],
      [
        'Data',
        `${result.dataset}: ${count(pictures.train)} pictures to train on${held}, ${count(pictures.test)} for the test`,
      ],
      ['Recipe', result.recipe.name],
      ...recipe,
      [
        'Steps',
        `${count(result.steps)}: ${plural(result.recipe.epochs, 'epoch')} of ${count(result.stepsPerEpoch)}`,
      ],
      [
        'Memory',
        `${mib(memory.trainingActivations)} for activations, gradients and scratch, ${mib(memory.trainingState)} for weights` +
          `${result.recipe.average ? ', averages' : ''} and optimiser,\n${mib(memory.testing)} for validation and test; ${mib(memory.processPeak)} in all so far, with the pictures`,
      ],
      ...(memory.saved > 0
        ? [['', `${mib(memory.saved)} saved by computing again in the backward pass`] as [string, string]]
        : []),
      [
        'Speed',
        `${measured.imagesPerSecond < 10 ? measured.imagesPerSecond.toFixed(1) : count(Math.round(measured.imagesPerSecond))} images/s, ` +
          `${count(Math.round(measured.msPerStep))} ms a step (${timed})`,
      ],
      [
        'Time',
        `about ${duration(estimate.total)}: training ${duration(estimate.training)}, validation ` +
          `${duration(estimate.validation)}, test ${duration(estimate.test)}`,
      ],
      ['Engine', `${engineInWords(engine)}, ${result.dtype}`],
    ]),
    '',
    'Nothing was written. Without --dry-run the training starts.',
  ].join('\n');
}

export async function showOverfit(name: string, options: RehearsalFlags): Promise<void> {
  await runStoppable(
    options,
    async ({ status, signal }) => {
      const { overfitBatch } = await import('../train/rehearse/overfit.ts');
      const { warnings } = options;
      const result = await overfitBatch({
        ...trainingRequest(name, options),
        warnings,
        signal,
        onEvent: tell(status),
        onStep: (done, total, loss) =>
          status.show(`step ${done} of at most ${total}  loss ${loss.toFixed(4)}`),
      });
      process.exitCode = result.learned ? 0 : 1;
      return result;
    },
    describeOverfit,
  );
}

function describeOverfit(result: OverfitResult): string {
  const { pictures, steps, learned, target, right, firstLoss, lastLoss } = result;
  const end = lastLoss === null ? 'no number any more' : lastLoss.toFixed(3);
  const verdict = learned
    ? `Learned by heart after ${steps} steps: the set-up can learn.`
    : `Not learned by heart in ${steps} steps (expected: loss below ${target}, every picture right). A sound set-up ` +
      'does it:\nlook for a better rate (laurel lr-find), at the warnings above, and at the pictures and labels of the batch.';
  return [
    pairs([
      ['Network', `${result.network}, form ${result.form}, on ${result.dataset}`],
      ['Batch', `${pictures} pictures, the same in every step, without augmentation and weight decay`],
      ['Rate', `${result.learningRate}, constant`],
      ['Loss', `${firstLoss.toFixed(3)} at first, ${end} at last`],
      ['Right', `${right} of ${pictures} (${percent((100 * right) / pictures)})`],
      ['Time', duration(result.seconds)],
    ]),
    '',
    verdict,
  ].join('\n');
}
