// Numbers that travel between ranks, each of which runs the same graph on its part of the batch. A sum over the ranks
// is two ops, so that it is under way while other nodes run: `exchangeStart` packs several tensors into one message
// (a bucket) and sends it off, `exchangeFinish` waits for it and unpacks. What carries them is an `Exchange`; on one
// rank the sum is the tensors themselves.
//   y_i = sum over the ranks of x_i
import { emit, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import { elementCount, type NumericArray, type Shape } from '../tensor.ts';
import { expectFloat, expectShape } from './checks.ts';

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
}

/** One rank, whose sums are its own numbers. */
export const oneRank: Exchange = { size: 1, start() {}, finish() {}, sum() {} };

export interface ExchangeAttributes {
  readonly exchange: Exchange;
  /** Tells the messages of one graph apart. */
  readonly channel: string;
  /** Of the tensors, in the order in which they are packed. */
  readonly shapes: readonly Shape[];
}

const totalOf = (shapes: readonly Shape[]): number =>
  shapes.reduce((sum, shape) => sum + elementCount(shape), 0);

/** (x...) -> the message, a vector, which is not to be read before it is finished */
export const exchangeStartOp: OpDefinition<ExchangeAttributes> = {
  name: 'exchangeStart',
  infer(inputs, { shapes }) {
    if (inputs.length !== shapes.length || inputs.length === 0) {
      throw new Error(`exchangeStart got ${inputs.length} tensors, expected ${shapes.length}, at least one.`);
    }
    for (const [i, type] of inputs.entries()) {
      expectFloat('exchangeStart', 'a tensor', type);
      expectShape('exchangeStart', 'a tensor', type.shape, shapes[i] as Shape);
    }
    return [{ shape: [totalOf(shapes)], precision: 'full' }];
  },
  evaluate({ attributes: { exchange, channel }, inputs, outputs: [message] }) {
    if (!message) return;
    let at = 0;
    for (const x of inputs) {
      message.set(x, at);
      at += x.length;
    }
    exchange.start(channel, message);
  },
};

/** (message) -> the sums */
export const exchangeFinishOp: OpDefinition<ExchangeAttributes> = {
  name: 'exchangeFinish',
  infer(inputs, { shapes }) {
    const message = inputs[0];
    if (message === undefined) throw new Error('exchangeFinish got no message.');
    expectShape('exchangeFinish', 'a message', message.shape, [totalOf(shapes)]);
    return shapes.map((shape) => ({ shape, precision: 'full' }));
  },
  evaluate({ attributes: { exchange, channel }, inputs: [message], outputs }) {
    if (!message) return;
    exchange.finish(channel);
    let at = 0;
    for (const y of outputs) {
      y.set(message.subarray(at, at + y.length));
      at += y.length;
    }
  },
};

/** The sums over the ranks of tensors that travel as one message. `finish` emits the node that waits for it. */
export function exchangeSums(
  values: readonly Value[],
  exchange: Exchange,
  channel: string,
): { finish(): readonly Value[] } {
  const attributes = { exchange, channel, shapes: values.map(({ shape }) => shape) };
  const [message] = emit(exchangeStartOp, attributes, values) as [Value];
  return { finish: () => emit(exchangeFinishOp, attributes, [message]) };
}
