// A convolution or linear layer on codes: sums of products of bytes in 32 bits, then in registers the bias, another
// value's codes, the ReLU, and the rounding to the codes of the result. What the library does with the sum S is
//   2.x  y = round(relu(f (S + b / (s_x s_w)) + (s_r / s_y) r)),  f = s_x s_w / s_y  for each channel
//   3.x  y = round(relu(s_x s_w S + b + s_r r) / s_y)
// so bias and summand are in units of what they are added to in 2.x, and in real ones in 3.x. What is added (r) lies
// where the result (y) is to be, which is given for the taking where nobody reads it later.
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import type { QuantizeAttributes } from '../../../graph/ops/quantize.ts';
import { argument, type Layout, type PostOperation, type PrimitiveDescriptor, type Scaling } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { type CodeStore, keptTensor, scaleArguments } from './codes.ts';
import type { QuantisedLayer, QuantisedPlan } from './plan.ts';

interface Context {
  readonly lowering: Lowering;
  readonly plan: QuantisedPlan;
  readonly codes: CodeStore;
}

/** Lowers the layer, or returns false where the library is no quicker with bytes than the floats' kernels are. */
export function lowerLayer({ lowering, plan, codes }: Context, quantised: QuantisedLayer): boolean {
  const { natives } = lowering;
  const { layer, input, weights, residual, result, chain } = quantised;
  const [x, , b] = layer.inputs as [Value, Value, Value?];
  const last = chain.at(-1) as Node;
  const y = last.outputs[0] as Value;
  const { scales } = weights.attributes;
  const scaling: Scaling = {
    src: input.scale,
    channels: perChannel(scales, layer.inputs[1]?.shape[0] as number),
    ...(result && { dst: result.scale }),
    grouped: isGrouped(layer),
  };
  const bias = b && lowering.plain(b);
  const descriptor = describe(lowering, quantised, scaling, bias?.layout);
  if (descriptor === undefined || descriptor.implementation.startsWith('ref')) return false;
  const layout = descriptor.layout('dst') as Layout;
  const wanted = residual && natives.layoutOfType(layout, residual.code.type);
  if (residual !== undefined && wanted === undefined) return false;
  const source = codes.as(x, descriptor.layout('src') as Layout);
  const summand = wanted && summandIn({ lowering, plan, codes }, quantised, wanted, source);
  const target: Tensor =
    result === undefined
      ? lowering.define(y, layout)
      : { ...(summand ?? lowering.temporary(layout)), layout };
  lowering.step(
    layer,
    descriptor,
    [
      [argument.src, source],
      [argument.weights, codesOfWeights(lowering, weights, descriptor, scaling)],
      ...(bias ? [[argument.bias, scaledBias(lowering, layer, bias, scaling)] as const] : []),
      ...scaleArguments(lowering, 'layer', scaling),
    ],
    [[argument.dst, target]],
  );
  if (result !== undefined) codes.hold(last, y, result, target);
  return true;
}

function isGrouped({ attributes }: Node): boolean {
  return ((attributes as Partial<ConvolutionAttributes>).groups ?? 1) > 1;
}

function perChannel(scales: Float32Array, channels: number): Float32Array {
  return scales.length === channels ? scales : new Float32Array(channels).fill(scales[0] as number);
}

function describe(
  lowering: Lowering,
  { layer, residual, relu, result }: QuantisedLayer,
  scaling: Scaling,
  bias: Layout | undefined,
): PrimitiveDescriptor | undefined {
  const { natives } = lowering;
  const [x, w] = layer.inputs as [Value, Value];
  const y = layer.outputs[0] as Value;
  const inResult = natives.scalesAreArguments ? 1 : (result?.scale ?? 1);
  const operations: PostOperation[] = [];
  if (residual) {
    const { scale, type } = residual.code;
    operations.push({ kind: 'sum', scale: scale / inResult, type });
  }
  if (relu) operations.push({ kind: 'relu' });
  const request = {
    src: natives.anyLayout(lowering.dims(x), 'u8'),
    weights: natives.anyLayout(filterDims(layer, w), 's8'),
    bias,
    dst: natives.anyLayout(lowering.dims(y), result?.type ?? lowering.storageType(y)),
  };
  if (layer.op.name === 'linear') return natives.describe('productForward', request, operations, scaling);
  const { stride, padding, dilation } = layer.attributes as ConvolutionAttributes;
  const geometry = {
    strides: stride,
    dilates: dilation.map((step) => step - 1),
    padLeft: padding,
    padRight: padding,
  };
  return natives.describe('convolutionForward', { ...geometry, ...request }, operations, scaling);
}

/** The filters of a grouped convolution have the groups as an axis of their own. */
function filterDims(layer: Node, w: Value): readonly number[] {
  if (!isGrouped(layer)) return w.shape;
  const { groups } = layer.attributes as ConvolutionAttributes;
  const [outputs, ...rest] = w.shape as [number, ...number[]];
  return [groups, outputs / groups, ...rest];
}

/** The codes of what is added, in memory that the result may have. */
function summandIn(
  { lowering, plan, codes }: Context,
  { residual, chain }: QuantisedLayer,
  wanted: Layout,
  source: Tensor,
): Tensor {
  const { natives } = lowering;
  const { value } = residual as NonNullable<QuantisedLayer['residual']>;
  const found = codes.as(value, wanted);
  const isFree = found.storage !== source.storage && !plan.isReadAfter(value, chain.at(-1) as Node);
  if (isFree) return found;
  const copy = lowering.temporary(wanted);
  const descriptor = natives.describe('reorder', { src: wanted, dst: wanted });
  if (descriptor === undefined) throw new Error('oneDNN: no copy for the codes of a shortcut.');
  lowering.step(chain[0] as Node, descriptor, [[argument.src, found]], [[argument.dst, copy]], {
    op: 'reorder',
  });
  return copy;
}

/** The weights as codes, made once from the floats. */
function codesOfWeights(
  lowering: Lowering,
  weights: Node<QuantizeAttributes>,
  descriptor: PrimitiveDescriptor,
  { channels, grouped }: Scaling,
): Tensor {
  const { natives, lowered } = lowering;
  const floats = lowering.plain(weights.inputs[0] as Value);
  const layout = descriptor.layout('weights') as Layout;
  // With groups the sizes are the layer's, the memory is the same.
  const from = { ...floats, layout: natives.plainLayout(layout.dims, 'f32') };
  const scaling: Scaling = { channels, grouped };
  const reorder = natives.describe('reorder', { src: from.layout, dst: layout }, [], scaling);
  if (reorder === undefined) {
    throw new Error(`oneDNN: no way to quantise weights of ${layout.dims.join('x')}.`);
  }
  const to = keptTensor(layout);
  const inputs = [[argument.src, from] as const, ...scaleArguments(lowering, 'reorder', scaling)];
  const outputs: (readonly [number: number, tensor: Tensor])[] = [[argument.dst, to]];
  if (reorder.scratchpadBytes > 0) {
    const scratchpad = keptTensor(natives.plainLayout([reorder.scratchpadBytes], 'u8'));
    outputs.push([argument.scratchpad, scratchpad]);
  }
  lowered.prologue.push({
    kind: 'primitive',
    op: 'quantize',
    path: weights.path,
    descriptor: reorder,
    arguments: [...inputs, ...outputs],
    reads: inputs.map(([, tensor]) => tensor),
    writes: outputs.map(([, tensor]) => tensor),
  });
  return to;
}

/** The bias in the units of the sums, where the library adds it to them; made once. */
function scaledBias(lowering: Lowering, layer: Node, bias: Tensor, { src, channels }: Scaling): Tensor {
  if (lowering.natives.scalesAreArguments) return bias;
  const to = keptTensor(bias.layout);
  lowering.lowered.prologue.push({
    kind: 'host',
    op: 'bias',
    path: layer.path,
    reads: [bias],
    writes: [to],
    compute([from], [result]) {
      if (from === undefined || result === undefined) return;
      for (let c = 0; c < result.length; c++) {
        result[c] = (from[c] as number) / ((src as number) * (channels?.[c] as number));
      }
    },
  });
  return to;
}
