// Convolutions and both their gradients by code that is generated for their sizes (../code): f32 on AVX-512, channels in blocks
// of 16, which those of weight gradients have to fill. A data gradient is the convolution of the result's gradient with the
// filters turned around. Results stay in blocks of 16, which everything on AVX-512 reads, where the library's first choice for
// narrow groups has others.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { elementCount } from '../../../graph/tensor.ts';
import { elementBytes } from '../abi.ts';
import { channelSumsCode } from '../code/channel-sums.ts';
import { convolutionCode } from '../code/convolution.ts';
import { type ConvolutionSizes, cutOf, flattened, lanes, vectorBytes } from '../code/cut.ts';
import { type GradientCut, gradientCutOf, weightGradientCode } from '../code/weight-gradient.ts';
import { zipCode } from '../code/zip.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import {
  biasOf,
  filtersOf,
  filterTarget,
  gradientPhases,
  isSimple,
  type Plan,
  planOf,
  windowOf,
} from './generated-plan.ts';
import { type Behind, insideOf, lowerInto } from './inside.ts';
import { pairChunks } from './pair-chunks.ts';
import type { Implementation } from './ways.ts';

export const generatedName = 'generated code';
const implementation = 'generated:avx512';
const pairImplementation = 'generated:avx512_bf16';

function forwardPlan(lowering: Lowering, node: Node, behind: Behind): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const { stride, padding, groups: divisions } = attributes;
  const [from, w] = node.inputs as [Value, Value];
  if (!isSimple(attributes)) return undefined;
  const to = node.outputs[0] as Value;
  const sweep = { from, to, window: windowOf(w), stride: stride[0], padding, divisions };
  const forwards = { backwards: false, pairs: false };
  return planOf(lowering, { ...sweep, ...forwards, ...behind });
}

function gradientPlan(lowering: Lowering, node: Node): Plan | undefined {
  const attributes = node.attributes as ConvolutionAttributes;
  const [from, w] = node.inputs as [Value, Value];
  if (!isSimple(attributes)) return undefined;
  return planOf(lowering, {
    ...{ from, to: node.outputs[0] as Value, window: windowOf(w), divisions: attributes.groups },
    // Phases have their own.
    ...{ stride: 1, padding: [0, 0] },
    ...{ backwards: true, pairs: false, bias: false, sum: false, relu: false },
  });
}

function codeFor({ natives }: Lowering, sizes: ConvolutionSizes): bigint | undefined {
  return natives.code(JSON.stringify(sizes), (team) => {
    const flat = flattened(sizes, team.size());
    return convolutionCode(flat, cutOf(flat, team.size()), team);
  });
}

/** Forward; `withSum`: with the addition behind the node inside, over what its other operand left in memory. */
export const generated = (withSum: boolean): Implementation => ({
  name: generatedName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const inside = insideOf(lowering, node, withSum);
    const plan = forwardPlan(lowering, node, inside.behind);
    const preferred = primitive.layout('dst');
    if (plan === undefined || preferred === undefined) return false;
    const { source, target: wanted, filters } = plan;
    if (inside.addition !== undefined && !lowering.natives.sameLayout(preferred, wanted)) return false;
    const address = codeFor(lowering, plan.sizes);
    if (address === undefined) return false;
    lowerInto(lowering, node, inside, { primitive, wanted }, (target) => {
      const inputs = [
        lowering.as(x, source),
        filtersOf(lowering, node, w, filters),
        b && biasOf(lowering, node, b),
      ];
      lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target()]);
    });
    return true;
  },
});

export const generatedGradient: Implementation = {
  name: generatedName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const plan = gradientPlan(lowering, node);
    const phases = plan && gradientPhases(plan, dx, node.attributes as ConvolutionAttributes);
    if (plan === undefined || phases === undefined) return false;
    const codes = phases.flatMap(({ sizes, byteOffset }) => {
      const address = codeFor(lowering, sizes);
      return address === undefined ? [] : [{ address, byteOffset }];
    });
    if (codes.length < phases.length) return false;
    const inputs = [lowering.as(dy, plan.source), filtersOf(lowering, node, w, plan.filters), undefined];
    const target = lowering.define(dx, plan.target);
    for (const { address, byteOffset } of codes) {
      const code = { implementation, address, instead: primitive };
      lowering.code(node, code, [...inputs, { ...target, byteOffset }]);
    }
    return true;
  },
};

export const generatedWeightGradient: Implementation = {
  name: generatedName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const { natives } = lowering;
    const attributes = node.attributes as ConvolutionAttributes;
    const { stride, padding, groups: divisions } = attributes;
    const [x, dy] = node.inputs as [Value, Value];
    const [dw, db] = node.outputs as [Value, Value?];
    const wanted = primitive.layout('diffWeights');
    const pairs = natives.bf16Units !== 'none' && lowering.storageType(x) === 'bf16';
    if (!isSimple(attributes) || wanted === undefined) return false;
    const plan = planOf(lowering, {
      ...{ from: x, to: dy, window: windowOf(dw), stride: stride[0], padding, divisions },
      ...{ backwards: false, pairs, bias: false, sum: false, relu: false },
    });
    const cut = plan && gradientCutOf(plan.sizes);
    if (plan === undefined || !plan.full || cut === undefined) return false;
    const chunks = chunksOf(lowering, { x, dy, plan, cut }, db !== undefined);
    if (chunks === undefined) return false;
    const operands = [lowering.as(x, plan.source), lowering.as(dy, plan.target)] as const;
    const target = filterTarget(lowering, node, dw, plan.filters, wanted);
    const total = db && lowering.define(db, lowering.plainLayout(db));
    const code = { implementation: pairs ? pairImplementation : implementation, instead: primitive };
    // One room for all chunks, the first of which is the largest: so the caches know it already.
    const rooms = chunks[0]?.zips.map(({ bytes }) => lowering.temporary(natives.plainLayout([bytes], 'u8')));
    for (const { zips, weights, sums } of chunks) {
      const [picture, signal] = operands.map((tensor, i) => {
        const [zip, zipped] = [zips[i], rooms?.[i]];
        if (zip === undefined || zipped === undefined) return tensor;
        const from = { ...tensor, byteOffset: (tensor.byteOffset ?? 0) + zip.byteOffset };
        lowering.code(node, { ...code, address: zip.address }, [from, zipped], { op: 'pairs' });
        return zipped;
      }) as [Tensor, Tensor];
      lowering.code(node, { ...code, address: weights }, [picture, signal, target.tensor]);
      if (sums !== undefined && total !== undefined)
        lowering.code(node, { ...code, address: sums }, [signal, total], { op: 'biasGradient' });
    }
    target.finish();
    return true;
  },
};

/** Pictures whose gradients are summed up at a time: all, or so many pairs that they stay in a cache. */
interface Chunk {
  /** Of the picture and of the results' gradient; none where they are read as they lie. */
  readonly zips: readonly Zip[];
  readonly weights: bigint;
  readonly sums: bigint | undefined;
}

interface Zip {
  readonly address: bigint;
  /** Where the chunk begins, and how long it is. */
  readonly byteOffset: number;
  readonly bytes: number;
}

/** Bytes of pairs that the second caches keep until they are read again. */
const chunkBytes = 800_000;

interface WeightGradient {
  readonly x: Value;
  readonly dy: Value;
  readonly plan: Plan;
  readonly cut: GradientCut;
}

/** Undefined where there is no such code. */
function chunksOf(
  { natives }: Lowering,
  { x, dy, plan: { sizes: whole, filters }, cut }: WeightGradient,
  hasBias: boolean,
): Chunk[] | undefined {
  const numbers = [x, dy].map(({ shape }) => elementCount(shape.slice(1)));
  if (whole.pairs && numbers.some((count) => count % lanes > 0)) return undefined;
  const pairBytes = numbers.map((count) => 2 * count * elementBytes.bf16);
  const { sets, blocks, groups, channels } = filters.filling;
  const weightBytes = sets * blocks * groups * channels * whole.kh * whole.kw * vectorBytes;
  const parts = whole.pairs
    ? pairChunks(whole.pictures, sum(pairBytes), weightBytes, chunkBytes)
    : [{ first: 0, pairs: whole.pictures }];
  const chunks = parts.map(({ first, pairs }): Chunk | undefined => {
    const sizes = { ...whole, pictures: pairs };
    const adds = first > 0;
    const key = JSON.stringify([adds, sizes]);
    const weights = natives.code(`weights ${key}`, (team) => weightGradientCode(sizes, cut, team, adds));
    const sums = hasBias
      ? natives.code(`sums ${key}`, (team) => channelSumsCode(sizes, team, adds))
      : undefined;
    const zips = (sizes.pairs ? numbers : []).flatMap((count, i): Zip[] => {
      const size = { pairs: sizes.pictures, numbers: count };
      const address = natives.code(`zip ${JSON.stringify(size)}`, (team) => zipCode(size, team));
      const bytes = pairBytes[i] as number;
      return address === undefined
        ? []
        : [{ address, byteOffset: first * bytes, bytes: sizes.pictures * bytes }];
    });
    return weights === undefined ? undefined : { zips, weights, sums };
  });
  return chunks.every((chunk) => chunk !== undefined) ? chunks : undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
