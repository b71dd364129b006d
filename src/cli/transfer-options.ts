// The options of `laurel train` that start from other weights, freeze layers, and give layers rates of their own.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DepthShare, TransferRequest } from '../train/transfer/config.ts';
import { numberList, oneOf, type SharedOptions, sharedOption } from './options.ts';
import { type PreparationFlags, preparationRequest } from './test-options.ts';
import { nameList } from './viz/lists.ts';

/** Values under commander's names. */
export interface TransferFlags
  extends Pick<SharedOptions, 'classes'>,
    Pick<PreparationFlags, 'mean' | 'std' | 'channelOrder'> {
  weights?: string;
  newHead?: boolean;
  startFrom?: string;
  startLayers?: DepthShare;
  freeze?: string[];
  freezeUntil?: string;
  trainOnly?: string[];
  groupLr?: Record<string, number>;
}

export function addTransferFlags(command: Command): Command {
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  command
    .option('--weights <file>', 'start from these weights (a file, or the folder of a run)')
    .option('--new-head', 'draw the last layer afresh; without it only for another number of classes')
    .addOption(sharedOption('classes', 'the number of classes that the data must have'));
  valued(
    '--freeze <layers>',
    'layers that stay as they are, with all inside them, e.g. conv1,layer1',
    nameList,
  );
  command.option('--freeze-until <layer>', 'everything before this layer stays as it is');
  valued('--train-only <layers>', 'everything but these layers stays as it is, e.g. head', nameList);
  valued(
    '--group-lr <factors>',
    "factors of the learning rate by layer, e.g. layer4=0.1,head=1; the others' is 1",
    rateList,
  );
  command.option(
    '--start-from <weights>',
    'copy what fits from a network of another depth: a file or a run, or NET=FILE',
  );
  valued(
    '--start-layers <n,m>',
    'how much: the first n convolutions and the last m linear layers; default: 4,3, as VGG did',
    depthShare,
  );
  valued('--mean <numbers>', 'of --weights that do not say it: what is taken off each channel', numberList);
  valued('--std <numbers>', 'and what each channel is divided by', numberList);
  return valued('--channel-order <order>', 'and RGB or BGR', oneOf('RGB', 'BGR'));
}

/** `layer4=0.1,fc=1` */
function rateList(text: string): Record<string, number> {
  const pairs = text.split(',').map((part): [string, number] => {
    const [, layer, factor] = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    const rate = factor === undefined ? Number.NaN : Number(factor);
    if (layer !== undefined && Number.isFinite(rate) && rate >= 0) return [layer, rate];
    throw new InvalidArgumentError('Expected LAYER=FACTOR with commas between them, e.g. layer4=0.1,head=1.');
  });
  return Object.fromEntries(pairs);
}

/** `4,3` */
function depthShare(text: string): DepthShare {
  const [first = -1, last = -1, ...more] = text.split(',').map((part) => (part.trim() ? Number(part) : -1));
  const whole = [first, last].every((count) => Number.isInteger(count) && count >= 0);
  if (whole && more.length === 0 && first + last > 0) return { first, last };
  throw new InvalidArgumentError('Expected two numbers of layers with a comma between them, e.g. 4,3.');
}

/** Flags of the recipe that are the weights' preparation too, where there are weights. */
interface RecipePreparation {
  readonly range?: 1 | 255;
  readonly resize?: number;
  readonly interpolation?: 'bilinear' | 'bicubic';
}

/** The flags as a training takes them; undefined where none was given. */
export function transferRequest(flags: TransferFlags & RecipePreparation): TransferRequest | undefined {
  const { weights, newHead, classes, startFrom, startLayers, freeze, freezeUntil, trainOnly, groupLr } =
    flags;
  const { mean, std, channelOrder, range, resize, interpolation } = flags;
  const preparation = {
    ...preparationRequest({ mean, std, channelOrder }),
    ...(weights !== undefined && { range, resize, interpolation }),
  };
  const isGiven = (value: unknown): boolean => value !== undefined;
  const request: TransferRequest = {
    weights,
    preparation: Object.values(preparation).some(isGiven) ? preparation : undefined,
    newHead,
    classes,
    startFrom,
    share: startLayers,
    freeze,
    freezeUntil,
    trainOnly,
    rates: groupLr,
  };
  return Object.values(request).some(isGiven) ? request : undefined;
}
