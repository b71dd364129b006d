// The options that verbs share, each defined once, so that the same flag means the same everywhere. A verb
// picks those it understands by name.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { didYouMean } from '../errors.ts';
import type { Rule } from '../graph/op.ts';
import type { OptionValues } from '../nets/network.ts';

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** A number between `least` and `most`. */
export function numberFrom(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least || value > most) {
      const range =
        most === Number.POSITIVE_INFINITY ? `of at least ${least}` : `between ${least} and ${most}`;
      throw new InvalidArgumentError(`Expected a number ${range}.`);
    }
    return value;
  };
}

/** One of `names`; a slip gets the nearest ones. */
export function oneOf<T extends string>(...names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Expected ${names.join(', ')}.${didYouMean(text, names)}`);
  };
}

/** Numbers with commas between them, e.g. 0.485,0.456,0.406. */
export function numberList(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError('Expected numbers with commas between them.');
}

/** `--set NAME=VALUE`, which may be given several times. */
function collectSetting(text: string, before: OptionValues = {}): OptionValues {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { ...before, [name]: value };
  throw new InvalidArgumentError('Expected NAME=VALUE, e.g. groups=1.');
}

/** Every shared option's value, under commander's name for it. Absent where the user said nothing. */
export interface SharedOptions {
  json?: boolean;
  form?: string;
  set?: OptionValues;
  classes?: number;
  channels?: number;
  height?: number;
  width?: number;
  batch?: number;
  data?: string;
  split: 'train' | 'test';
  labels?: 'fine' | 'coarse';
  weights: string;
  engine?: 'auto' | 'onednn' | 'reference';
  dtype?: 'auto' | 'f32' | 'bf16';
  threads?: number;
  weightsCache?: 'on' | 'off';
  autotune?: 'off' | 'on' | 'full';
  seed?: number;
  rule: Rule;
  out?: string;
}

const shared = {
  form: () => new Option('--form <form>', "imagenet, cifar or article; default: the network's first"),
  set: () =>
    new Option(
      '--set <name=value>',
      "an option of the network's own, e.g. groups=1; may be given several times",
    ).argParser(collectSetting),
  classes: () => whole('--classes <n>', "number of classes; default: the form's"),
  channels: () => whole('--channels <n>', "channels of a picture; default: the form's"),
  height: () => whole('--height <px>', "height of a picture; default: the form's"),
  width: () => whole('--width <px>', "width of a picture; default: the form's"),
  batch: () => whole('--batch <n>', 'pictures per step'),
  data: () => new Option('--data <name|path>', 'a known data set (`laurel doctor` lists them), or a folder'),
  split: () =>
    new Option('--split <split>', 'train or test').argParser(oneOf('train', 'test')).default('test'),
  labels: () =>
    new Option('--labels <which>', 'fine or coarse labels, where a data set has both').argParser(
      oneOf('fine', 'coarse'),
    ),
  weights: () =>
    new Option(
      '--weights <file>',
      'a weights file (safetensors, PyTorch), or the folder of a run',
    ).makeOptionMandatory(),
  engine: () =>
    new Option('--engine <engine>', 'auto (default), onednn or reference').argParser(
      oneOf('auto', 'onednn', 'reference'),
    ),
  dtype: () =>
    new Option(
      '--dtype <type>',
      'auto (default), f32 or bf16; auto takes bf16 where the CPU is built for it',
    ).argParser(oneOf('auto', 'f32', 'bf16')),
  threads: () => whole('--threads <n>', 'threads of the engine; default: one per core'),
  weightsCache: () =>
    new Option(
      '--weights-cache <how>',
      'on (default): what the engine makes of the weights is kept on disk for the next process; off: it is not',
    ).argParser(oneOf('on', 'off')),
  autotune: () =>
    new Option(
      '--autotune <how>',
      'ways to compute convolutions and linear layers: off (the first choice of the library), on (the fastest, ' +
        'measured once and remembered) or full (measure all anew)',
    ).argParser(oneOf('off', 'on', 'full')),
  seed: () =>
    new Option('--seed <n>', 'what all random numbers follow from; default: 1').argParser(wholeNumber(0)),
  rule: () =>
    new Option('--rule <rule>', 'deconvnet, gradient or guided')
      .argParser(oneOf<Rule>('deconvnet', 'gradient', 'guided'))
      .default('deconvnet'),
  out: () => new Option('--out <path>', 'where results go'),
} satisfies Record<string, () => Option>;

function whole(flags: string, description: string): Option {
  return new Option(flags, description).argParser(wholeNumber(1));
}

export type SharedName = keyof typeof shared;

/** A shared option; `description` says what it means to one verb where that needs saying. */
export function sharedOption(name: SharedName, description?: string): Option {
  const option = shared[name]();
  if (description !== undefined) option.description = description;
  return option;
}

export function addShared(command: Command, ...names: readonly SharedName[]): Command {
  for (const name of names) command.addOption(sharedOption(name));
  return command;
}
