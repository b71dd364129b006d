// The options of `laurel train` that replace parts of a recipe. Absent ones leave the recipe as it is.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RecipeOverrides } from '../train/recipes/recipe.ts';
import { numberFrom, oneOf, wholeNumber } from './options.ts';

/** Values under commander's names. */
export interface RecipeFlags {
  epochs?: number;
  batch?: number;
  lr?: number;
  schedule?: string;
  warmup?: number;
  milestones?: number[];
  factor?: number;
  momentum?: number;
  nesterov?: boolean;
  weightDecay?: number;
  decayAll?: boolean;
  labelSmoothing?: number;
  cropPadding?: number;
  flip?: boolean;
  rotation?: number;
}

export function addRecipeFlags(command: Command): Command {
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  valued('--epochs <n>', "passes over the training pictures; default: the recipe's", wholeNumber(1));
  valued('--batch <n>', "pictures per step; default: the recipe's", wholeNumber(1));
  valued('--lr <rate>', 'the largest learning rate', numberFrom(0));
  valued(
    '--schedule <name>',
    'constant, multi-step, cosine or one-cycle',
    oneOf('constant', 'multi-step', 'cosine', 'one-cycle'),
  );
  valued('--warmup <epochs>', 'linear warm-up, by the step', numberFrom(0));
  valued('--milestones <epochs>', 'multi-step: epochs with a smaller rate, e.g. 60,120,160', epochList);
  valued('--factor <x>', 'multi-step: what each milestone multiplies the rate by', numberFrom(0));
  valued('--momentum <x>', 'momentum of SGD', numberFrom(0, 1));
  command.option('--nesterov', 'Nesterov momentum').option('--no-nesterov', 'plain momentum');
  valued('--weight-decay <x>', 'L2 pull on the weights', numberFrom(0));
  command.option('--decay-all', 'weight decay on biases and batch norm too');
  command.option('--no-decay-all', 'weight decay on weights alone');
  valued('--label-smoothing <x>', 'probability spread over all classes', numberFrom(0, 1));
  valued('--crop-padding <px>', 'random crops of pictures padded so much; 0: none', wholeNumber(0));
  command.option('--flip', 'mirror half of the pictures').option('--no-flip', 'mirror none');
  valued('--rotation <deg>', 'random rotation by up to so much; 0: none', numberFrom(0, 180));
  return command;
}

function epochList(text: string): number[] {
  const epochs = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (epochs.every((epoch) => Number.isFinite(epoch) && epoch >= 0)) return epochs;
  throw new InvalidArgumentError('Expected epochs with commas between them, e.g. 60,120,160.');
}

/** The flags under the recipe's names. */
export function recipeOverrides(flags: RecipeFlags): RecipeOverrides {
  const { lr, warmup, decayAll, ...same } = flags;
  return {
    epochs: same.epochs,
    batch: same.batch,
    learningRate: lr,
    schedule: same.schedule,
    warmupEpochs: warmup,
    milestones: same.milestones,
    factor: same.factor,
    momentum: same.momentum,
    nesterov: same.nesterov,
    weightDecay: same.weightDecay,
    decayBiasAndNorm: decayAll,
    labelSmoothing: same.labelSmoothing,
    cropPadding: same.cropPadding,
    flip: same.flip,
    rotation: same.rotation,
  };
}
