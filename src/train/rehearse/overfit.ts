// Learning one batch by heart: a network that cannot do that has a fault in its set-up (a rate far off, dead units,
// pictures without content), and it shows in seconds. Everything that keeps a network from learning by heart is
// switched off: augmentation, weight decay, label smoothing, mixtures, averages; dropout keeps one mask throughout.
import { setImmediate as turn } from 'node:timers/promises';
import type { Batch } from '../../data/loader.ts';
import type { ComputeType, EngineDescription } from '../../engines/engine.ts';
import { UserError } from '../../errors.ts';
import type { Form } from '../../nets/network.ts';
import { dropoutSeedOf } from '../dropout-seed.ts';
import { defaultRecipe, findRecipe } from '../recipes/index.ts';
import type { RecipeOverrides } from '../recipes/recipe.ts';
import type { Setup } from '../setup.ts';
import { lookEarly } from '../warnings/early.ts';
import { type RehearsalOptions, rehearse, takeStep } from './rehearsal.ts';

export interface OverfitOptions extends RehearsalOptions {
  /** Steps at most; default 300. */
  readonly steps?: number | undefined;
  readonly onStep?: ((done: number, total: number, loss: number) => void) | undefined;
}

export interface OverfitResult {
  readonly network: string;
  readonly form: Form;
  readonly dataset: string;
  readonly recipe: string;
  readonly pictures: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
  /** Whether the loss fell below `target` with every picture of the batch right. */
  readonly learned: boolean;
  readonly target: number;
  readonly steps: number;
  readonly firstLoss: number;
  /** null where it is no longer finite. */
  readonly lastLoss: number | null;
  /** Pictures of the batch that the last step had right. */
  readonly right: number;
  readonly seconds: number;
}

/** A batch that is large enough to hold several classes, and small enough for any network. */
const usualPictures = 32;
const target = 0.05;

const byHeart: RecipeOverrides = {
  cropPadding: 0,
  flip: false,
  rotation: 0,
  erase: 0,
  mixup: 0,
  cutmix: 0,
  labelSmoothing: 0,
  weightDecay: 0,
  accumulate: 1,
  polyak: 'none',
  lastBatch: 'drop',
};

/**
 * Trains on the first batch again and again, at a tenth of the recipe's largest rate where none is given (there is
 * no warm-up), until its loss is below 0.05 and every picture right. Nothing is written.
 */
export async function overfitBatch(options: OverfitOptions): Promise<OverfitResult> {
  const { steps = 300, onStep, overrides = {}, ...training } = options;
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UserError(`The number of steps is ${steps}; expected a whole number of at least 1.`, {
      exitCode: 2,
    });
  }
  const recipe =
    training.recipe === undefined
      ? defaultRecipe(training.network, training.transfer?.weights !== undefined)
      : findRecipe(training.recipe);
  const { batch = Math.min(recipe.batch, usualPictures), learningRate = recipe.learningRate / 10 } =
    overrides;
  const setup = await rehearse({ ...training, overrides: { ...overrides, ...byHeart, batch, learningRate } });
  try {
    return await learn(setup, steps, onStep);
  } finally {
    await setup.close();
  }
}

async function learn(setup: Setup, steps: number, onStep: OverfitOptions['onStep']): Promise<OverfitResult> {
  const { config, recipe, engine, options, trainLoader } = setup;
  const began = performance.now();
  const batch = await firstBatch(setup);
  lookEarly(setup, setup.position, batch, recipe.learningRate);
  const mask = dropoutSeedOf(config.seed, 0);
  let firstLoss = Number.NaN;
  let loss = Number.NaN;
  let right = 0;
  let done = 0;
  let learned = false;
  while (done < steps && !learned) {
    const result = takeStep(setup, batch, recipe.learningRate, done, mask);
    loss = result.loss;
    right = result.top1;
    if (done === 0) firstLoss = loss;
    done++;
    onStep?.(done, steps, loss);
    learned = loss < target && right === batch.count;
    if (!Number.isFinite(loss)) break;
    await turn();
    options.signal?.throwIfAborted();
  }
  return {
    network: config.network,
    form: config.form,
    dataset: config.data.name,
    recipe: recipe.name,
    pictures: Math.min(batch.count, trainLoader.picturesPerEpoch),
    learningRate: recipe.learningRate,
    seed: config.seed,
    dtype: config.dtype,
    engine: engine.describe(),
    learned,
    target,
    steps: done,
    firstLoss,
    lastLoss: Number.isFinite(loss) ? loss : null,
    right,
    seconds: (performance.now() - began) / 1000,
  };
}

/** The first batch of the first epoch, in memory of its own. */
async function firstBatch({ trainLoader }: Setup): Promise<Batch> {
  for await (const batch of trainLoader.epoch(0)) {
    const { images, labels, indices } = batch;
    return { ...batch, images: images.slice(), labels: labels.slice(), indices: indices.slice() };
  }
  throw new Error('A loader gave no batch.');
}
