// Batch norms by generated code (../code/batch-norm.ts), with what stands around them: forward the addition and the ReLU
// behind them, backward the ReLU's gradient and the sum of two signals in front. Each passes over memory once or twice where
// the library's primitives take a pass or three for every op.
import type { Node, Value } from '../../../graph/graph.ts';
import type { PrimitiveDescriptor } from '../abi.ts';
import { batchNormCode, type NormSizes, normalisationCode } from '../code/batch-norm.ts';
import { batchNormGradientCode, type NormGradientSizes } from '../code/batch-norm-gradient.ts';
import type { Fusion } from '../fusion.ts';
import { otherOperand } from '../fusion.ts';
import type { Lowering, Tensor } from '../lowering.ts';

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
  if (!Number.isInteger(blocks) || !isShared || type === 'u8' || type === 's8' || type === 's32')
    return undefined;
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

/** The norm with the library's statistics of a batch; `instead`: what the library would do for the norm alone. */
export function trainingByCode(
  lowering: Lowering,
  node: Node,
  instead: (source: Tensor) => PrimitiveDescriptor | undefined,
): boolean {
  const { fusion, natives } = lowering;
  const sizes = sizesOf(lowering, node);
  if (sizes === undefined) return false;
  const addition = fusion.addInto.get(node);
  const relu = fusion.reluAfter.get(addition ?? node);
  const all = { ...sizes, sum: addition !== undefined, relu: relu !== undefined };
  const address = natives.code(`batch norm ${JSON.stringify(all)}`, (team) => batchNormCode(all, team));
  if (address === undefined) return false;
  const [x, gamma, beta] = node.inputs as [Value, Value, Value];
  const [own, mean, variance] = node.outputs as [Value, Value, Value];
  const source = blocked(lowering, x);
  const descriptor = instead(source);
  if (descriptor === undefined) return false;
  const other = addition && blocked(lowering, otherOperand(addition, own) as Value);
  const y = (relu ?? addition ?? node).outputs[0] as Value;
  const results = [
    lowering.define(y, layoutOf(lowering, y)),
    lowering.define(mean, lowering.plainLayout(mean)),
    lowering.define(variance, lowering.plainLayout(variance)),
  ];
  lowering.code(
    node,
    { implementation: implementationOf(sizes), address, instead: descriptor },
    [source, lowering.plain(gamma), lowering.plain(beta), ...(other ? [other] : []), ...results],
    { results: results.length, inPlace: [other] },
  );
  if (addition) lowering.forwards.set(addition, { descriptor });
  return true;
}

/** With given statistics; `addition`: what is behind the norm and may run inside. */
export function normalisationByCode(
  lowering: Lowering,
  node: Node,
  addition: Node | undefined,
  instead: (source: Tensor) => PrimitiveDescriptor | undefined,
): boolean {
  const { fusion, natives } = lowering;
  const sizes = sizesOf(lowering, node);
  if (sizes === undefined) return false;
  const relu = fusion.reluAfter.get(addition ?? node);
  const all = { ...sizes, sum: addition !== undefined, relu: relu !== undefined };
  const address = natives.code(`normalisation ${JSON.stringify(all)}`, (team) =>
    normalisationCode(all, team),
  );
  if (address === undefined) return false;
  const [x, ...vectors] = node.inputs.slice(0, 5) as [Value, ...Value[]];
  const source = blocked(lowering, x);
  const descriptor = instead(source);
  if (descriptor === undefined) return false;
  const other = addition && blocked(lowering, otherOperand(addition, node.outputs[0] as Value) as Value);
  const y = (relu ?? addition ?? node).outputs[0] as Value;
  const inputs = [source, ...vectors.map((value) => lowering.plain(value)), ...(other ? [other] : [])];
  lowering.code(
    addition ?? node,
    { implementation: implementationOf(sizes), address, instead: descriptor },
    [...inputs, lowering.define(y, layoutOf(lowering, y))],
    { inPlace: [other ?? source] },
  );
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

export function gradientByCode(
  lowering: Lowering,
  node: Node,
  instead: (source: Tensor) => PrimitiveDescriptor | undefined,
): boolean {
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
