// What a network file describes, and how a description becomes a graph. A family is a file under `families/`,
// found by the registry in `index.ts`; nothing here knows any particular network, and no network knows an engine.
import { didYouMean, UserError } from '../errors.ts';
import { createGraph, type Graph, input, type Value } from '../graph/graph.ts';
import { formatShape } from '../graph/tensor.ts';
import { type Frozen, type Layers, layers, type RankPart } from './layers.ts';

/**
 * `imagenet`: the paper's own form (for LeNet, whose paper is older than ImageNet, the form of its paper);
 * `cifar`: for 32x32 pictures; `article`: as the survey article prints it, slips included.
 */
export type Form = 'imagenet' | 'cifar' | 'article';
/** Every form that a network may have. */
export const formNames: readonly Form[] = ['imagenet', 'cifar', 'article'];

/** Values of a network's own options, by name. */
export type OptionValues = Readonly<Record<string, string | number | boolean>>;

/** A variation that a family offers (`--set NAME=VALUE`), e.g. the groups of AlexNet or the reduction of SE blocks. */
export interface NetworkOption {
  readonly description: string;
  readonly default: string | number | boolean;
  /** The allowed values, where they are few; otherwise anything of the default's type. */
  readonly choices?: readonly (string | number | boolean)[];
}

/** Logits that are trained with the main ones and dropped afterwards (GoogLeNet's side heads). */
export interface AuxiliaryHead {
  readonly logits: Value;
  /** Share of its loss in the whole. */
  readonly weight: number;
}

export interface Heads {
  readonly logits: Value;
  readonly auxiliary: readonly AuxiliaryHead[];
}

export interface FormDescription {
  /** Input and classes that the form was published with. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Puts the network behind `x` (NxCxHxW) and gives the logits (Nxclasses), with side heads if it has any. */
  build(x: Value, net: Layers, classes: number, options: OptionValues): Value | Heads;
  /** The network's options that this form takes. */
  readonly options?: Readonly<Record<string, NetworkOption>>;
  /** How this form differs from the paper, a sentence each. */
  readonly deviations?: readonly string[];
  /** The only input size that the form's fixed linear layer fits, where there is one. */
  readonly fixedSize?: true;
}

/** A published result; results of different protocols may never stand in one column. */
export interface PublishedResult {
  readonly form: Form;
  readonly dataset: string;
  /** How it was measured: models, crops, scales; the same words for the same protocol, whoever measured it. */
  readonly protocol: string;
  /** Whose weights, where it is not those of the source's own training. */
  readonly weights?: string;
  /** The network's options with which it was measured, where they are not the defaults. */
  readonly options?: OptionValues;
  /** Percent. */
  readonly top1Error?: number;
  readonly top5Error?: number;
  readonly source: string;
}

export interface NetworkDescription {
  readonly name: string;
  readonly year: number;
  /** Authors, title, and where it appeared. */
  readonly paper: string;
  /** Its place in the challenge, e.g. "winner of ILSVRC 2012". */
  readonly place?: string;
  /** The first form listed is the default. */
  readonly forms: Partial<Record<Form, FormDescription>>;
  readonly published?: readonly PublishedResult[];
}

/** What a file under `families/` exports as default. */
export interface Family {
  readonly name: string;
  readonly networks: readonly NetworkDescription[];
}

export interface BuildOptions {
  readonly form?: Form;
  readonly classes?: number;
  readonly channels?: number;
  readonly height?: number;
  readonly width?: number;
  /** Pictures per run; default 1. */
  readonly batch?: number;
  /** Training form: batch statistics, dropout, side heads; default false. */
  readonly training?: boolean;
  /** Weights that a training leaves as they are: their batch norms keep to the running statistics. */
  readonly frozen?: Frozen | undefined;
  /** Which part of the batch this is, where several ranks train together. */
  readonly part?: RankPart | undefined;
  /** The network's own options; default each one's default. */
  readonly options?: OptionValues;
}

export interface Network {
  readonly name: string;
  readonly form: Form;
  readonly classes: number;
  readonly options: OptionValues;
  readonly graph: Graph;
  /** The input named `images`. */
  readonly images: Value;
  readonly logits: Value;
  readonly auxiliary: readonly AuxiliaryHead[];
}

/** The form of that name (default: the network's first) with its description; a UserError (misuse) where it has none. */
export function formOf(description: NetworkDescription, form?: Form): [Form, FormDescription] {
  const available = Object.keys(description.forms) as Form[];
  const chosen = form ?? (available[0] as Form);
  const found = description.forms[chosen];
  if (found === undefined) {
    throw new UserError(
      `${description.name} has no form '${chosen}'; its forms are ${available.join(', ')}.` +
        didYouMean(chosen, available),
      { exitCode: 2 },
    );
  }
  return [chosen, found];
}

/** Builds the graph of a network. Refuses, with the reason, sizes and options that the network does not allow. */
export function buildNetwork(description: NetworkDescription, options: BuildOptions = {}): Network {
  const [form, found] = formOf(description, options.form);
  const { channels = found.channels, height = found.height, width = found.width } = options;
  const classes = options.classes ?? found.classes;
  const { batch = 1, training = false, frozen, part } = options;
  for (const [what, value] of Object.entries({ batch, channels, height, width, classes })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UserError(`${what} is ${value}; expected a whole number of at least 1.`, { exitCode: 2 });
    }
  }
  if (found.fixedSize && (height !== found.height || width !== found.width)) {
    throw new UserError(
      `${description.name} (form ${form}) takes pictures of ${found.height}x${found.width} only, because of its ` +
        `first linear layer; got ${height}x${width}.`,
      { exitCode: 2 },
    );
  }
  const values = optionValues(
    `${description.name} (form ${form})`,
    found.options ?? {},
    options.options ?? {},
  );
  const graph = createGraph();
  const images = input(graph, 'images', [batch, channels, height, width]);
  try {
    const built = found.build(images, layers(graph, { training, frozen, part }), classes, values);
    const heads: Heads = 'logits' in built ? built : { logits: built, auxiliary: [] };
    return { name: description.name, form, classes, options: values, graph, images, ...heads };
  } catch (error) {
    if (error instanceof UserError) throw error;
    // Ops refuse shapes with a plain Error; anything else is a defect and keeps its stack.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new UserError(
      `${description.name} (form ${form}) does not allow pictures of ${formatShape([channels, height, width])}: ` +
        `${error.message}`,
      { exitCode: 2, cause: error },
    );
  }
}

/** The given values over the defaults; strings, as a command line gives them, become what the option is. */
function optionValues(
  who: string,
  known: Readonly<Record<string, NetworkOption>>,
  given: OptionValues,
): OptionValues {
  const values: Record<string, string | number | boolean> = {};
  for (const [name, option] of Object.entries(known)) values[name] = option.default;
  for (const [name, value] of Object.entries(given)) {
    const option = known[name];
    if (option === undefined) {
      const names = Object.keys(known);
      const offer = names.length === 0 ? 'it has none.' : `its options are ${names.join(', ')}.`;
      throw new UserError(`${who} has no option '${name}'; ${offer}${didYouMean(name, names)}`, {
        exitCode: 2,
      });
    }
    values[name] = optionValue(`${who}: the option ${name}`, option, value);
  }
  return values;
}

function optionValue(what: string, option: NetworkOption, given: string | number | boolean) {
  const kind = typeof option.default;
  const words: Record<string, boolean> = { true: true, false: false };
  const value =
    typeof given !== 'string' || kind === 'string' ? given : kind === 'number' ? Number(given) : words[given];
  const wrongType = typeof value !== kind || (typeof value === 'number' && !Number.isFinite(value));
  if (value === undefined || wrongType || (option.choices && !option.choices.includes(value))) {
    const wanted = option.choices ? `one of ${option.choices.join(', ')}` : `a ${kind}`;
    throw new UserError(`${what} is '${given}'; expected ${wanted}.`, { exitCode: 2 });
  }
  return value;
}
