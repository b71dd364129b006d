// When a training is looked at for early signs of failure: before its first step, and once more before the first step
// of its second epoch, for units that the first one has silenced. The signs themselves stand in warnings.ts.
import type { Batch } from '../../data/loader.ts';
import { findNetwork } from '../../nets/index.ts';
import type { TrainingPosition } from '../checkpoint/save.ts';
import { buildOptions, type Setup } from '../setup.ts';
import { firstLook } from './first-look.ts';
import { earlyWarnings, laterWarnings } from './rules.ts';

/**
 * Looks at `batch`, the next to be trained on, if this is one of the two moments for it; tells what is found, and
 * gives whether there was a look: it took time that is not the training's.
 */
export function lookEarly(
  setup: Setup,
  position: TrainingPosition,
  batch: Pick<Batch, 'images' | 'labels'>,
  learningRate: number,
): boolean {
  const first = position.step === 0;
  const second = position.epoch === 1 && position.stepInEpoch === 0;
  if (setup.options.warnings === false || !(first || second)) return false;
  // Of one class there is nothing to learn, and nothing about it to tell.
  if (setup.config.classes.length === 1) return false;
  for (const message of first ? firstSigns(setup, batch, learningRate) : secondSigns(setup, batch)) {
    setup.emit({ type: 'note', message });
  }
  return true;
}

type Pictures = Pick<Batch, 'images' | 'labels'>;

function look({ engine, config, recipe, programs }: Setup, { images, labels }: Pictures, backward: boolean) {
  return firstLook({
    engine,
    dtype: config.dtype,
    description: findNetwork(config.network),
    build: buildOptions(config),
    labelSmoothing: recipe.labelSmoothing,
    weights: programs.tensors('weights'),
    images,
    labels,
    backward,
  });
}

function firstSigns(setup: Setup, pictures: Pictures, learningRate: number): string[] {
  const { config, recipe } = setup;
  return earlyWarnings(look(setup, pictures, true), {
    classes: config.classes.length,
    learningRate,
    fresh: config.transfer?.weights === undefined && config.transfer?.startFrom === undefined,
    // Weights that are taken over bring their own preparation.
    scaled: !config.preprocessing.normalise.std.every((deviation) => deviation === 1),
    labelSmoothing: recipe.labelSmoothing,
  });
}

function secondSigns(setup: Setup, pictures: Pictures): string[] {
  return laterWarnings(look(setup, pictures, false), 1);
}
