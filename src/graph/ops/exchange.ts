// Numbers that travel between ranks, each of which runs the same graph on its part of the batch. A sum over the ranks
// is two ops, so that it is under way while other nodes run: `exchangeStart` packs several tensors into one message
// (a bucket) and sends it off, `exchangeFinish` waits for it and unpacks. What carries them is an `Exchange`; on one
// rank the sum is the tensors themselves.
//   y_i = sum over the ranks of x_i
import { emit, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementCount, type NumericArray, type Shape, type TensorType } from '../tensor.ts';
import { isLastMicroStep } from './accumulate.ts';
import { expectFloat, expectIndex, expectShape } from './checks.ts';

/** What carries numbers between ranks. Every rank calls the same functions in the same order. */
export interface Exchange {
  /** Ranks. */
  readonly size: number;
  /** Starts the sum of `numbers` over the ranks, in place; they are not touched until `finish`. */
  start(channel: string, numbers: NumericArray): void;
  /** Waits until the sum of that name is there. */
  finish(channel: string): void;
  /** Sums `numbers` over the ranks, in place. */
  sum(numbers: Float64Array): void;
  /** Of two ranks: hands `own` to the other one, and has `theirs` from it. */
  swap(own: NumericArray, theirs: NumericArray): void;
}

/** One rank, whose sums are its own numbers. */
export const oneRank: Exchange = {
  size: 1,
  start() {},
  finish() {},
  sum() {},
  swap() {
    throw new Error('One rank has nobody to swap with.');
  },
};

export interface ExchangeAttributes {
  readonly exchange: Exchange;
  /** Tells the messages of one graph apart. */
  readonly channel: string;
  /** Of the tensors, in the order in which they are packed. */
  readonly shapes: readonly Shape[];
  /** Steps of an update, of which only the last one sends; above 1, the last input says which of them this is. */
  readonly steps: number;
}

/** Whether this run sends. */
function sends({ steps }: ExchangeAttributes, inputs: readonly NumericArray[]): boolean {
  return steps === 1 || isLastMicroStep(steps, inputs.at(-1) as NumericArray);
}

/** The inputs but the one that says which step this is. */
function withoutStep<T>({ steps }: ExchangeAttributes, inputs: readonly T[]): readonly T[] {
  return steps > 1 ? inputs.slice(0, -1) : inputs;
}

const totalOf = (shapes: readonly Shape[]): number =>
  shapes.reduce((sum, shape) => sum + elementCount(shape), 0);

/** (x..., microStep?) -> the message, a vector, which is not to be read before it is finished */
export const exchangeStartOp: OpDefinition<ExchangeAttributes> = {
  name: 'exchangeStart',
  infer(inputs, attributes) {
    const { shapes, steps } = attributes;
    const tensors = withoutStep(attributes, inputs);
    if (tensors.length !== shapes.length || tensors.length === 0) {
      throw new Error(
        `exchangeStart got ${tensors.length} tensors, expected ${shapes.length}, at least one.`,
      );
    }
    if (steps > 1) expectIndex('exchangeStart', 'a step', inputs.at(-1) as TensorType);
    for (const [i, type] of tensors.entries()) {
      expectFloat('exchangeStart', 'a tensor', type);
      expectShape('exchangeStart', 'a tensor', type.shape, shapes[i] as Shape);
    }
    return [{ shape: [totalOf(shapes)], precision: 'full' }];
  },
  evaluate({ attributes, inputs, outputs: [message] }) {
    if (!message || !sends(attributes, inputs)) return;
    const { exchange, channel } = attributes;
    let at = 0;
    for (const x of withoutStep(attributes, inputs)) {
      message.set(x, at);
      at += x.length;
    }
    exchange.start(channel, message);
  },
};

/** (message, microStep?) -> the sums; nothing of worth on a step that does not send */
export const exchangeFinishOp: OpDefinition<ExchangeAttributes> = {
  name: 'exchangeFinish',
  infer(inputs, { shapes }) {
    const message = inputs[0];
    if (message === undefined) throw new Error('exchangeFinish got no message.');
    expectShape('exchangeFinish', 'a message', message.shape, [totalOf(shapes)]);
    return shapes.map((shape) => ({ shape, precision: 'full' }));
  },
  evaluate({ attributes, inputs, outputs }) {
    const [message] = inputs;
    if (!message || !sends(attributes, inputs)) return;
    const { exchange, channel } = attributes;
    exchange.finish(channel);
    let at = 0;
    for (const y of outputs) {
      y.set(message.subarray(at, at + y.length));
      at += y.length;
    }
  },
};

/** Of several steps that make an update, only the last one sends. `microStep`: an index scalar. */
export interface OncePerUpdate {
  readonly steps: number;
  readonly microStep: Value;
}

/** The sums over the ranks of tensors that travel as one message. `finish` emits the node that waits for it. */
export function exchangeSums(
  values: readonly Value[],
  exchange: Exchange,
  channel: string,
  once?: OncePerUpdate,
): { finish(): readonly Value[] } {
  const shapes = values.map(({ shape }) => shape);
  const attributes = { exchange, channel, shapes, steps: once?.steps ?? 1 };
  const when = once === undefined ? [] : [once.microStep];
  const [message] = emit(exchangeStartOp, attributes, [...values, ...when]) as [Value];
  return { finish: () => emit(exchangeFinishOp, attributes, [message, ...when]) };
}
