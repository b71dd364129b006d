// The options that `eval` and `classify` share: how pictures are prepared (that part is also for `viz`) and shown, and
// which networks answer together.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CropName } from '../evaluate/crops.ts';
import type { ModelRequest } from '../evaluate/model.ts';
import type { PreprocessingOverrides } from '../evaluate/overrides.ts';
import type { PrepareRequest } from '../evaluate/prepare.ts';
import { numberList, oneOf, wholeNumber } from './options.ts';

/** How pictures are prepared, where that is not as the weights say; values under commander's names. */
export interface PreparationFlags {
  mean?: number[];
  std?: number[];
  resize?: number;
  crop?: number;
  interpolation?: 'bilinear' | 'bicubic';
  range?: '1' | '255';
  channelOrder?: 'RGB' | 'BGR';
}

export interface TestFlags extends PreparationFlags {
  ensemble?: ModelRequest[];
  crops?: CropName;
  scales?: number[];
}

type Parser<T> = (text: string, before: T) => T;
const valuedFor =
  (command: Command) =>
  <T>(flags: string, description: string, parse: Parser<T>): Command =>
    command.addOption(new Option(flags, description).argParser(parse));

export function addTestFlags(command: Command): Command {
  const valued = valuedFor(command);
  valued('--crops <protocol>', '1 (default), 10, 144 or dense', oneOf('1', '10', '144', 'dense'));
  valued('--scales <px>', 'short sides to test at, e.g. 256,384,512; softmax averaged', scaleList);
  valued(
    '--ensemble <net=weights>',
    'another network that answers with the first, softmax averaged; may be given several times',
    collectModel,
  );
  return addPreparationFlags(command);
}

export function addPreparationFlags(command: Command): Command {
  const valued = valuedFor(command);
  valued(
    '--resize <px>',
    "short side of a picture before the crop; default: the weights' own",
    wholeNumber(1),
  );
  valued('--crop <px>', 'side of the square that the network sees', wholeNumber(1));
  valued('--interpolation <name>', 'bilinear or bicubic', oneOf('bilinear', 'bicubic'));
  valued('--mean <numbers>', 'what is taken off each channel, e.g. 0.485,0.456,0.406', numberList);
  valued('--std <numbers>', 'what each channel is divided by', numberList);
  valued(
    '--range <white>',
    'pixels from 0 to 1, or to 255; mean and std are in that range',
    oneOf('1', '255'),
  );
  return valued('--channel-order <order>', 'RGB or BGR', oneOf('RGB', 'BGR'));
}

function scaleList(text: string): number[] {
  const scales = numberList(text);
  if (scales.every((scale) => Number.isInteger(scale) && scale > 0)) return scales;
  throw new InvalidArgumentError(
    'Expected whole numbers of pixels with commas between them, e.g. 256,384,512.',
  );
}

function collectModel(text: string, before: ModelRequest[] = []): ModelRequest[] {
  const [, network, weights] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (network !== undefined && weights !== undefined) return [...before, { network, weights }];
  throw new InvalidArgumentError('Expected NET=WEIGHTS, e.g. vgg16=vgg16.safetensors.');
}

/** The flags as `evaluate` and `classify` take them. */
export function testRequest(
  flags: TestFlags,
): Pick<PrepareRequest, 'crops' | 'scales' | 'preprocessing'> & { ensemble?: readonly ModelRequest[] } {
  const { ensemble, crops, scales } = flags;
  return { ensemble, crops, scales, preprocessing: preparationRequest(flags) };
}

export function preparationRequest(flags: PreparationFlags): PreprocessingOverrides {
  const { mean, std, resize, crop, interpolation, range, channelOrder } = flags;
  return {
    mean,
    std,
    resize,
    crop,
    interpolation,
    order: channelOrder,
    range: range === undefined ? undefined : range === '1' ? 1 : 255,
  };
}
