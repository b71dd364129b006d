// The networks beside each other, each number computed from the graph of the network, none typed; published errors
// apart, by protocol. What the memory of training counts is told in `training-memory.ts`.
import { UserError } from '../errors.ts';
import { costOf } from '../graph/cost.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork, type Form, formOf, type NetworkDescription } from '../nets/network.ts';
import { type BenchResult, benchInfer } from '../train/bench.ts';
import { type ProtocolGroup, publishedByProtocol } from './published.ts';
import { type TrainingMemory, type TrainingType, trainingMemory } from './training-memory.ts';

/** One network in one form. Counts are for one picture. */
export interface ComparedNetwork {
  readonly net: string;
  readonly form: Form;
  readonly year: number;
  /** Its place in the challenge. */
  readonly place?: string;
  readonly paper: string;
  readonly input: readonly number[];
  readonly classes: number;
  /** Weighted layers on the longest way. */
  readonly depth: number;
  readonly convolutions: number;
  readonly linears: number;
  readonly params: number;
  readonly macs: number;
  /** Output elements of all convolutions. */
  readonly activations: number;
  /** Of one step at `batch` pictures, in bytes, by compute type. */
  readonly trainingBytes: Readonly<Record<TrainingType, TrainingMemory>>;
  readonly measured?: Measured;
}

/** Inference on this machine. */
export interface Measured {
  readonly imagesPerSecond: number;
  readonly batch: number;
  readonly dtype: string;
  readonly engine: string;
  readonly isa?: string;
  readonly threads: number;
}

export interface Comparison {
  /** Pictures in the training step whose memory is given. */
  readonly batch: number;
  readonly networks: readonly ComparedNetwork[];
  readonly published: readonly ProtocolGroup[];
}

export interface CompareOptions {
  /** Default: all that there are; with `form`, all that have it. */
  readonly nets?: readonly string[];
  /** Default: each network's own. */
  readonly form?: Form;
  /** Default 32. */
  readonly batch?: number;
}

/** Sizes, cost, memory and published errors of networks (default: all). Throws a UserError for names that there are not. */
export function compare(options: CompareOptions = {}): Comparison {
  const { form, batch = 32 } = options;
  const descriptions = choose(options.nets ?? [], form);
  return {
    batch,
    networks: descriptions.map((description) => countNetwork(description, batch, form)),
    published: publishedByProtocol(descriptions, form),
  };
}

function choose(names: readonly string[], form: Form | undefined): readonly NetworkDescription[] {
  if (names.length > 0) {
    const found = [...new Set(names)].map(findNetwork);
    for (const description of found) formOf(description, form);
    return found;
  }
  const all = networks.filter(({ forms }) => form === undefined || forms[form] !== undefined);
  if (all.length > 0) return all;
  throw new UserError(`No network has a form '${form}'; the forms are imagenet, cifar and article.`, {
    exitCode: 2,
  });
}

export function countNetwork(description: NetworkDescription, batch: number, form?: Form): ComparedNetwork {
  const network = buildNetwork(description, { form });
  const { parameters: params, macs, activations, convolutions, linears, depth } = costOf(network.graph);
  return {
    net: description.name,
    form: network.form,
    year: description.year,
    place: description.place,
    paper: description.paper,
    input: network.images.shape.slice(1),
    classes: network.classes,
    depth,
    convolutions,
    linears,
    params,
    macs,
    activations,
    trainingBytes: trainingMemory(description, { form, batch }),
  };
}

export interface MeasureOptions {
  /** Pictures at a time; default 1. */
  readonly batch?: number;
  readonly dtype?: 'auto' | 'f32' | 'bf16';
  readonly engine?: 'auto' | 'onednn' | 'reference';
  readonly threads?: number;
  /** Timed runs of each network; default 5. */
  readonly steps?: number;
  readonly onNote?: (message: string) => void;
  /** Called before each network. */
  readonly onNetwork?: (name: string, index: number, count: number) => void;
}

/** The comparison with images per second of inference on this machine, one network after the other. */
export async function measureSpeeds(comparison: Comparison, options: MeasureOptions): Promise<Comparison> {
  const { onNetwork, steps = 5, ...bench } = options;
  const notes = new Set<string>();
  const onNote = (message: string): void => {
    if (!notes.has(message)) options.onNote?.(message);
    notes.add(message);
  };
  const measured: ComparedNetwork[] = [];
  for (const [index, each] of comparison.networks.entries()) {
    onNetwork?.(each.net, index, comparison.networks.length);
    const result = await benchInfer(each.net, { ...bench, form: each.form, steps, onNote });
    measured.push({ ...each, measured: toMeasured(result) });
  }
  return { ...comparison, networks: measured };
}

function toMeasured({ imagesPerSecond, batch, dtype, engine }: BenchResult): Measured {
  const { name, library, isa, threads } = engine;
  return { imagesPerSecond, batch, dtype, engine: library ?? name, isa, threads };
}
