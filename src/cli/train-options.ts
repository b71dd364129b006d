// The options of `laurel train` that replace parts of a recipe. Absent ones leave the recipe as it is; 0 and `none`
// switch a part off.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { InitialScheme } from '../train/initial.ts';
import type { RecipeOverrides } from '../train/recipes/recipe.ts';
import { scheduleKinds } from '../train/schedule.ts';
import { numberFrom, oneOf, wholeNumber } from './options.ts';

/** Values under commander's names. */
export interface RecipeFlags {
  epochs?: number;
  steps?: number;
  batch?: number;
  accumulate?: number;
  lastBatch?: 'keep' | 'drop';
  lr?: number;
  schedule?: string;
  warmup?: number;
  milestones?: number[];
  factor?: number;
  every?: number;
  patience?: number;
  threshold?: number;
  leastLr?: number;
  stopAfter?: number;
  momentum?: number;
  nesterov?: boolean;
  weightDecay?: number;
  decayAll?: boolean;
  clipNorm?: number;
  clipFilters?: number;
  ema?: number;
  polyak?: number | 'none';
  initial?: InitialScheme;
  labelSmoothing?: number;
  mixup?: number;
  cutmix?: number;
  erase?: number;
  flip?: boolean;
  cropPadding?: number;
  rotation?: number;
  scale?: [number, number] | number;
  aspect?: number;
  square?: boolean;
  crops?: 'random' | 'ten';
  colour?: 'none' | 'pca' | 'shift' | 'photometric';
  resize?: number;
  interpolation?: 'bilinear' | 'bicubic';
  subtract?: 'channel' | 'pixel';
  divide?: boolean;
  range?: 1 | 255;
}

/** The schemes of `train/initial.ts`, named here so that `--help` need not load a graph. */
export const initialNames: readonly InitialScheme[] = [
  'network',
  'he',
  'glorot',
  'alexnet-2012',
  'zfnet',
  'zero-gamma',
];

export function addRecipeFlags(command: Command): Command {
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  const either = (name: string, yes: string, no: string): Command =>
    command.option(`--${name}`, yes).option(`--no-${name}`, no);
  command.optionsGroup('Recipe, length and batches:');
  valued('--epochs <n>', "passes over the training pictures; default: the recipe's", wholeNumber(1));
  valued('--steps <n>', 'batches in all, in place of epochs', wholeNumber(1));
  valued('--batch <n>', "pictures per step; default: the recipe's", wholeNumber(1));
  valued('--accumulate <n>', 'batches whose gradients are averaged into one update', wholeNumber(1));
  valued('--last-batch <what>', 'a last batch that is not full: keep or drop', oneOf('keep', 'drop'));
  command.optionsGroup('Recipe, learning rate:');
  valued('--lr <rate>', 'the largest learning rate', numberFrom(0));
  valued('--schedule <name>', `${scheduleKinds.slice(0, -1).join(', ')} or ${scheduleKinds.at(-1)}`, (text) =>
    oneOf(...scheduleKinds)(text),
  );
  valued('--warmup <epochs>', 'linear warm-up, by the step', numberFrom(0));
  valued('--milestones <epochs>', 'multi-step: epochs with a smaller rate, e.g. 60,120,160', epochList);
  valued('--factor <x>', 'multi-step, step, plateau: what the rate is multiplied by', numberFrom(0));
  valued('--every <epochs>', 'step: epochs between two factors', wholeNumber(1));
  valued('--patience <epochs>', 'plateau: epochs without a better validation that are borne', wholeNumber(0));
  valued('--threshold <share>', 'plateau: by how much a validation must be better', numberFrom(0, 1));
  valued('--least-lr <rate>', 'plateau: the rate falls no lower', numberFrom(0));
  valued('--stop-after <epochs>', 'stop after so many without a better validation; 0: never', wholeNumber(0));
  command.optionsGroup('Recipe, optimiser and weights:');
  valued('--momentum <x>', 'momentum of SGD', numberFrom(0, 1));
  either('nesterov', 'Nesterov momentum', 'plain momentum');
  valued('--weight-decay <x>', 'L2 pull on the weights', numberFrom(0));
  either('decay-all', 'weight decay on biases and batch norm too', 'weight decay on weights alone');
  valued('--clip-norm <x>', 'largest norm of all gradients together; 0: any', numberFrom(0));
  valued('--clip-filters <rms>', "largest RMS of a convolution's filter (ZFNet: 0.1); 0: any", numberFrom(0));
  valued(
    '--ema <decay>',
    'use an exponential average of the weights, e.g. 0.9999; 0: none',
    numberFrom(0, 1),
  );
  valued('--polyak <epoch>', 'use the plain average of the weights after so many epochs; none', polyak);
  valued('--initial <scheme>', `how weights start: ${initialNames.join(', ')}`, oneOf(...initialNames));
  command.optionsGroup('Recipe, loss and pictures:');
  valued('--label-smoothing <x>', 'probability spread over all classes', numberFrom(0, 1));
  valued('--mixup <alpha>', 'blend pairs of pictures and their labels, e.g. 0.2; 0: none', numberFrom(0));
  valued('--cutmix <alpha>', 'paste parts of pictures into others, e.g. 1; 0: none', numberFrom(0));
  valued('--erase <p>', 'probability that a rectangle of a picture is erased', numberFrom(0, 1));
  either('flip', 'mirror half of the pictures', 'mirror none');
  valued('--crop-padding <px>', 'small pictures: random crops after padding; 0: none', wholeNumber(0));
  valued('--rotation <deg>', 'small pictures: random rotation by up to so much; 0: none', numberFrom(0, 180));
  valued(
    '--scale <px|px-px|share>',
    'large pictures: short side, 256 or 256-480 for a crop of 224; or the least share of the area, 0.08',
    scale,
  );
  valued('--aspect <x>', 'large pictures: largest aspect of crops by area', numberFrom(1));
  either('square', 'crops from the central square alone', 'crops from the whole picture');
  valued('--crops <which>', 'large pictures: random, or one of the ten crops', oneOf('random', 'ten'));
  valued(
    '--colour <how>',
    'large pictures: none, pca, shift or photometric',
    oneOf('none', 'pca', 'shift', 'photometric'),
  );
  valued('--resize <px>', 'short side of test pictures, for a crop of 224', wholeNumber(1));
  valued('--interpolation <how>', 'bilinear or bicubic', oneOf('bilinear', 'bicubic'));
  valued('--subtract <mean>', 'mean of each channel or of each pixel', oneOf('channel', 'pixel'));
  either('divide', 'divide channels by their deviation', 'subtract the mean alone');
  valued('--range <white>', 'what a white pixel is before that: 1 or 255', (text) =>
    Number(oneOf('1', '255')(text)),
  );
  return command.optionsGroup('Options:');
}

function epochList(text: string): number[] {
  const epochs = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (epochs.every((epoch) => Number.isFinite(epoch) && epoch >= 0)) return epochs;
  throw new InvalidArgumentError('Expected epochs with commas between them, e.g. 60,120,160.');
}

function polyak(text: string): number | 'none' {
  return text === 'none' ? text : wholeNumber(0)(text);
}

/** `256`, `256-480`, or a share of at most 1. */
function scale(text: string): [number, number] | number {
  const sides = text.split('-').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [least = Number.NaN, most = least] = sides;
  if (sides.length === 1 && least > 0 && least <= 1) return least;
  if (sides.length <= 2 && Number.isInteger(least) && Number.isInteger(most)) return [least, most];
  throw new InvalidArgumentError(
    'Expected a short side (256), a range of them (256-480), or the least share of the area (0.08).',
  );
}

/** The flags under the recipe's names. */
export function recipeOverrides(flags: RecipeFlags): RecipeOverrides {
  return {
    epochs: flags.epochs,
    steps: flags.steps,
    batch: flags.batch,
    accumulate: flags.accumulate,
    lastBatch: flags.lastBatch,
    learningRate: flags.lr,
    schedule: flags.schedule,
    warmupEpochs: flags.warmup,
    milestones: flags.milestones,
    factor: flags.factor,
    every: flags.every,
    patience: flags.patience,
    threshold: flags.threshold,
    leastRate: flags.leastLr,
    stopAfter: flags.stopAfter,
    momentum: flags.momentum,
    nesterov: flags.nesterov,
    weightDecay: flags.weightDecay,
    decayBiasAndNorm: flags.decayAll,
    clipNorm: flags.clipNorm,
    clipFilterRms: flags.clipFilters,
    ema: flags.ema,
    polyak: flags.polyak,
    initial: flags.initial,
    labelSmoothing: flags.labelSmoothing,
    mixup: flags.mixup,
    cutmix: flags.cutmix,
    erase: flags.erase,
    flip: flags.flip,
    cropPadding: flags.cropPadding,
    rotation: flags.rotation,
    scale: flags.scale,
    aspect: flags.aspect,
    square: flags.square,
    crops: flags.crops,
    colour: flags.colour,
    resize: flags.resize,
    interpolation: flags.interpolation,
    mean: flags.subtract,
    divideByDeviation: flags.divide,
    range: flags.range,
  };
}
