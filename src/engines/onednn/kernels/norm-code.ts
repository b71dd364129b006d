// Batch norms by generated code (../code/batch-norm.ts), with what stands around them: forward the addition and the ReLU
// behind them, backward the ReLU's gradient and the sum of two signals in front. Each passes over memory once or twice where
// the library's primitives take a pass or three for every op.
import type { Node, Value } from '../../../graph/graph.ts';
import type { PrimitiveDescriptor } from '../abi.ts';
import { batchNormCode, type NormSizes, normalisationCode } from '../code/batch-norm.ts';
import { batchNormGradientCode, type NormGradientSizes } from '../code/batch-norm-gradient.ts';
import { type Fusion, otherOperand } from '../fusion.ts';
import type { Code, Lowering, Tensor } from '../lowering.ts';

const block = 16;
/** Blocks of channels for each thread from which on one more or less does not count. */
const enough = 4;

/** Undefined where no code is made: elsewhere the library's primitives run. */
function sizesOf({ natives, storageType }: Lowering, node: Node): NormSizes | undefined {
  const x = node.inputs[0] as Value;
  if (x.shape.length !== 4) return undefined;
  const [pictures, channels, h, w] = x.shape as [number, number, number, number];
  const type = storageType(x);
  const blocks = channels / block;
  const threads = natives.library.threads(0);
  const isShared = blocks % threads === 0 || blocks >= enough * threads;
  if (!Number.isInteger(blocks) || !isShared || (type !== 'f32' && type !== 'bf16')) return undefined;
  if (type === 'bf16' && natives.bf16Units === 'none') return undefined;
  const { epsilon } = node.attributes as { epsilon: number };
  return { pictures, blocks, pixels: h * w, type, epsilon };
}

function implementationOf({ type }: NormSizes): string {
  return type === 'bf16' ? 'generated:avx512_bf16' : 'generated:avx512';
}

/** A value in blocks of 16 channels. */
function blocked(lowering: Lowering, value: Value): Tensor {
  return lowering.as(value, layoutOf(lowering, value));
}

function layoutOf({ natives, dims, storageType }: Lowering, value: Value) {
  return natives.blocked(dims(value), storageType(value), block);
}

/** What the library would do for the norm alone. */
type Instead = (source: Tensor) => PrimitiveDescriptor | undefined;

/** A norm with the addition and the ReLU behind it as code. */
interface ForwardPlan {
  readonly code: Code;
  readonly source: Tensor;
  /** The other operand of the addition. */
  readonly other: Tensor | undefined;
  readonly y: Value;
}

/** Undefined where no code runs. `named`: what is made by `make`. */
function forwardPlan(
  lowering: Lowering,
  node: Node,
  addition: Node | undefined,
  [named, make]: readonly [string, typeof batchNormCode],
  instead: Instead,
): ForwardPlan | undefined {
  const { fusion, natives } = lowering;
  const sizes = sizesOf(lowering, node);
  if (sizes === undefined) return undefined;
  const relu = fusion.reluAfter.get(addition ?? node);
  const all = { ...sizes, sum: addition !== undefined, relu: relu !== undefined };
  const address = natives.code(`${named} ${JSON.stringify(all)}`, (team) => make(all, team));
  if (address === undefined) return undefined;
  const source = blocked(lowering, node.inputs[0] as Value);
  const descriptor = instead(source);
  if (descriptor === undefined) return undefined;
  const other = addition && otherOperand(addition, node.outputs[0] as Value);
  return {
    code: { implementation: implementationOf(sizes), address, instead: descriptor },
    source,
    other: other && blocked(lowering, other),
    y: (relu ?? addition ?? node).outputs[0] as Value,
  };
}

/** With the statistics of the batch. */
export function trainingByCode(lowering: Lowering, node: Node, instead: Instead): boolean {
  const addition = lowering.fusion.addInto.get(node);
  const plan = forwardPlan(lowering, node, addition, ['batch norm', batchNormCode], instead);
  if (plan === undefined) return false;
  const { code, source, other, y } = plan;
  const [, gamma, beta] = node.inputs as [Value, Value, Value];
  const [, mean, variance] = node.outputs as [Value, Value, Value];
  const inputs = [source, lowering.plain(gamma), lowering.plain(beta), ...(other ? [other] : [])];
  const results = [
    lowering.define(y, layoutOf(lowering, y)),
    lowering.define(mean, lowering.plainLayout(mean)),
    lowering.define(variance, lowering.plainLayout(variance)),
  ];
  lowering.code(node, code, [...inputs, ...results], { results: results.length, inPlace: [other] });
  if (addition) lowering.forwards.set(addition, { descriptor: code.instead });
  return true;
}

/** With given statistics; `addition`: what is behind the norm and may run inside. */
export function normalisationByCode(
  lowering: Lowering,
  node: Node,
  addition: Node | undefined,
  instead: Instead,
): boolean {
  const plan = forwardPlan(lowering, node, addition, ['normalisation', normalisationCode], instead);
  if (plan === undefined) return false;
  const { code, source, other, y } = plan;
  // One that is synchronised between ranks has more inputs.
  const vectors = node.inputs.slice(1, 5).map((value) => lowering.plain(value));
  const inputs = [source, ...vectors, ...(other ? [other] : [])];
  const result = lowering.define(y, layoutOf(lowering, y));
  lowering.code(addition ?? node, code, [...inputs, result], { inPlace: [other ?? source] });
  return true;
}

/** What runs inside the code of a norm's gradient. */
interface GradientPlan {
  readonly sizes: NormGradientSizes;
  readonly address: bigint;
  /** The gradient of a ReLU that gives the signal, and the sum that gives its own. */
  readonly mask: Node | undefined;
  readonly sum: Node | undefined;
  /** Of the norm itself, where it tells the signs of what the ReLU got. */
  readonly beta: Value | undefined;
}

/** Undefined where no code runs. The same answer from the first of the nodes that it takes in to the norm's gradient itself. */
function planOf(lowering: Lowering, node: Node): GradientPlan | undefined {
  const { fusion, natives } = lowering;
  const sizes = sizesOf(lowering, node);
  if (sizes === undefined || node.attributes.globalStatistics) return undefined;
  const own = fusion.reluBackwardInto.get(node);
  const mask = own ?? fusion.maskInto.get(node);
  const sum = mask && fusion.sumInto.get(mask);
  const signal = mask?.outputs[0] as Value | undefined;
  const all: NormGradientSizes = {
    ...sizes,
    relu: own ? 'computed' : mask ? 'given' : undefined,
    sum: sum !== undefined,
    keeps: signal !== undefined && (lowering.consumers(signal).length > 1 || lowering.isKeptOutput(signal)),
  };
  const address = natives.code(`batch norm gradient ${JSON.stringify(all)}`, (team) =>
    batchNormGradientCode(all, team),
  );
  if (address === undefined) return undefined;
  const mean = node.inputs[3] as Value;
  const norm = own && mean.source.kind === 'node' ? mean.source.node : undefined;
  return { sizes: all, address, mask, sum, beta: norm?.inputs[2] };
}

/** Whether the gradient of a ReLU, or the sum that it reads, runs inside the gradient of a norm. */
export function runsInNormGradient(lowering: Lowering, node: Node): boolean {
  const reader = lowering.consumers(node.outputs[0] as Value)[0];
  if (reader === undefined) return false;
  if (node.op.name === 'add')
    return lowering.fusion.sumInto.get(reader) === node && runsInNormGradient(lowering, reader);
  return takes(lowering.fusion, reader, node) && planOf(lowering, reader) !== undefined;
}

function takes({ reluBackwardInto, maskInto }: Fusion, norm: Node, mask: Node): boolean {
  return reluBackwardInto.get(norm) === mask || maskInto.get(norm) === mask;
}

export function gradientByCode(lowering: Lowering, node: Node, instead: Instead): boolean {
  const plan = planOf(lowering, node);
  if (plan === undefined) return false;
  const { sizes, address, mask, sum, beta } = plan;
  const [x, dy, gamma, mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  const [dx, dgamma, dbeta] = node.outputs as [Value, Value, Value];
  const source = blocked(lowering, x);
  const descriptor = instead(source);
  if (descriptor === undefined)
    throw new Error(`oneDNN: there is no gradient of a batch norm for ${x.shape.join('x')}.`);
  const signals = sum ? sum.inputs : [mask ? (mask.inputs[1] as Value) : dy];
  const given = signals.map((value) => blocked(lowering, value));
  const y = mask && sizes.relu === 'given' ? [blocked(lowering, mask.inputs[0] as Value)] : [];
  const vectors = [gamma, ...(beta ? [beta] : []), mean, variance].map((value) => lowering.plain(value));
  const kept = sizes.keeps && mask ? [mask.outputs[0] as Value] : [];
  const results = [
    ...[...kept, dx].map((value) => lowering.define(value, layoutOf(lowering, value))),
    ...[dgamma, dbeta].map((value) => lowering.define(value, lowering.plainLayout(value))),
  ];
  lowering.code(
    node,
    { implementation: implementationOf(sizes), address, instead: descriptor },
    [source, ...vectors, ...given, ...y, ...results],
    { results: results.length, inPlace: kept.length > 0 ? [given[0], given[1] ?? source] : [given[0]] },
  );
  return true;
}
