// Convolutions and both their gradients by code that is generated for their sizes (../code): f32 on AVX-512, where channels
// fill blocks of 16. A data gradient is the convolution of the result's gradient with the filters turned around. Results stay in
// blocks of 16, which everything on AVX-512 reads, where the library's first choice for narrow groups has others.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { elementCount } from '../../../graph/tensor.ts';
import { channelSumsCode } from '../code/channel-sums.ts';
import { convolutionCode } from '../code/convolution.ts';
import { type ConvolutionSizes, cutOf, flattened, lanes } from '../code/cut.ts';
import { gradientCutOf, weightGradientCode } from '../code/weight-gradient.ts';
import { zipCode } from '../code/zip.ts';
import { otherOperand } from '../fusion.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import {
  type Behind,
  filtersOf,
  filterTarget,
  gradientPhases,
  isSimple,
  type Plan,
  planOf,
  windowOf,
} from './generated-plan.ts';
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
    return convolutionCode(flat, cutOf(flat), team);
  });
}

/** Forward; `withSum`: with the addition behind the node inside, over what its other operand left in memory. */
export const generated = (withSum: boolean): Implementation => ({
  name: generatedName,
  isFrugal: true,
  lower(lowering, node, primitive) {
    const { natives, fusion } = lowering;
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const addition = withSum ? fusion.addInto.get(node) : undefined;
    const relu = fusion.reluAfter.get(addition ?? node);
    const behind = { bias: b !== undefined, sum: addition !== undefined, relu: relu !== undefined };
    const plan = forwardPlan(lowering, node, behind);
    const wanted = primitive.layout('dst');
    if (plan === undefined || wanted === undefined) return false;
    if (addition !== undefined && !natives.sameLayout(wanted, plan.target)) return false;
    const address = codeFor(lowering, plan.sizes);
    if (address === undefined) return false;
    const result = (relu ?? addition ?? node).outputs[0] as Value;
    const inputs = [
      lowering.as(x, plan.source),
      filtersOf(lowering, node, w, plan.filters),
      b && lowering.plain(b),
    ];
    if (addition !== undefined) {
      const target = lowering.as(otherOperand(addition, node.outputs[0] as Value) as Value, wanted);
      lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target]);
      lowering.alias(result, target);
      lowering.forwards.set(addition, { descriptor: primitive });
      return true;
    }
    const target = lowering.define(result, plan.target);
    lowering.code(node, { implementation, address, instead: primitive }, [...inputs, target]);
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
    const pairs = natives.multipliesBf16 && lowering.storageType(x) === 'bf16';
    if (!isSimple(attributes) || wanted === undefined) return false;
    const plan = planOf(lowering, {
      ...{ from: x, to: dy, window: windowOf(dw), stride: stride[0], padding, divisions },
      ...{ backwards: false, pairs, bias: false, sum: false, relu: false },
    });
    const cut = plan && gradientCutOf(plan.sizes);
    if (plan === undefined || cut === undefined) return false;
    const { sizes } = plan;
    const address = natives.code(`weights ${JSON.stringify(sizes)}`, (team) =>
      weightGradientCode(sizes, cut, team),
    );
    const sums = db && natives.code(`sums ${JSON.stringify(sizes)}`, (team) => channelSumsCode(sizes, team));
    if (address === undefined || (db !== undefined && sums === undefined)) return false;
    const code = { implementation: pairs ? pairImplementation : implementation, instead: primitive };
    const operands = [
      [x, plan.source],
      [dy, plan.target],
    ] as const;
    const zips = pairs ? operands.map(([value]) => zipOf(lowering, value)) : [];
    if (zips.includes(undefined)) return false;
    const [picture, signal] = operands.map(([value, layout], i) => {
      const tensor = lowering.as(value, layout);
      const address = zips[i];
      if (address === undefined) return tensor;
      const zipped = lowering.temporary(natives.plainLayout(value.shape, 'bf16'));
      lowering.code(node, { ...code, address }, [tensor, zipped], 'pairs');
      return zipped;
    }) as [Tensor, Tensor];
    const target = filterTarget(lowering, node, dw, plan.filters, wanted);
    lowering.code(node, { ...code, address }, [picture, signal, target.tensor]);
    target.finish();
    if (db !== undefined && sums !== undefined) {
      const total = lowering.define(db, lowering.plainLayout(db));
      lowering.code(node, { ...code, address: sums }, [signal, total], 'biasGradient');
    }
    return true;
  },
};

/** Code that makes pairs of two pictures each; undefined where there is none for such pictures. */
function zipOf({ natives }: Lowering, { shape: [pictures = 1, ...picture] }: Value): bigint | undefined {
  const size = { pairs: pictures / 2, numbers: elementCount(picture) };
  if (size.numbers % lanes > 0) return undefined;
  return natives.code(`zip ${JSON.stringify(size)}`, (team) => zipCode(size, team));
}
