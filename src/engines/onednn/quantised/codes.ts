// Whole numbers beside the floats that the rest of the engine knows: for each quantised value the tensors that hold
// its codes, each layout made when it is first asked for, and its floats where somebody still reads those.
import type { Node, Value } from '../../../graph/graph.ts';
import { argument, type FloatType, type Layout, type Scaling } from '../abi.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import type { CodeType } from './plan.ts';

interface Codes extends CodeType {
  readonly tensors: Tensor[];
  /** The floats that are to be quantised, until the first layout is asked for. */
  readonly source: Tensor | undefined;
  readonly node: Node;
}

export interface CodeStore {
  /** Says that `value` is made of floats. */
  fromFloats(node: Node, value: Value, code: CodeType, source: Tensor): void;
  /** Says that a tensor holds the codes of `value`. */
  hold(node: Node, value: Value, code: CodeType, tensor: Tensor): void;
  /** The codes in a given layout. */
  as(value: Value, layout: Layout): Tensor;
  /** The codes in the layout that they have; channels last where they are still to be made. */
  current(value: Value): Tensor;
  /** Gives the engine the value as floats. */
  defineFloats(value: Value): void;
}

export function createCodeStore(lowering: Lowering): CodeStore {
  const { natives } = lowering;
  const stored = new Map<Value, Codes>();
  const codesOf = (value: Value): Codes => {
    const codes = stored.get(value);
    if (codes === undefined) throw new Error('oneDNN: the codes of a value were read before they were made.');
    return codes;
  };
  const usual = (value: Value, type: CodeType['type'] | FloatType): Layout => {
    const dims = lowering.dims(value);
    return dims.length === 4 ? natives.channelsLast(dims, type) : natives.plainLayout(dims, type);
  };

  const store: CodeStore = {
    fromFloats(node, value, code, source) {
      stored.set(value, { ...code, tensors: [], source, node });
    },
    hold(node, value, code, tensor) {
      stored.set(value, { ...code, tensors: [tensor], source: undefined, node });
    },
    as(value, layout) {
      const { tensors, source, node, scale, type } = codesOf(value);
      const found = tensors.find((tensor) => natives.sameLayout(tensor.layout, layout));
      if (found !== undefined) return found;
      const to = lowering.temporary(layout);
      const [from] = tensors;
      if (from !== undefined) reorder(lowering, node, 'reorder', from, to);
      else reorder(lowering, node, 'quantize', source as Tensor, to, { dst: scale });
      if (type !== layout.type) throw new Error(`oneDNN: codes of ${type} were asked for as ${layout.type}.`);
      tensors.push(to);
      return to;
    },
    current(value) {
      const { tensors, type } = codesOf(value);
      return tensors[0] ?? store.as(value, usual(value, type));
    },
    defineFloats(value) {
      const { node, scale } = codesOf(value);
      const from = store.current(value);
      const to = lowering.define(value, usual(value, lowering.storageType(value) as FloatType));
      reorder(lowering, node, 'dequantize', from, to, { src: scale });
    },
  };
  return store;
}

function reorder(
  lowering: Lowering,
  node: Node,
  op: string,
  from: Tensor,
  to: Tensor,
  scaling?: Scaling,
): void {
  const descriptor = lowering.natives.describe('reorder', { src: from.layout, dst: to.layout }, [], scaling);
  if (descriptor === undefined) {
    throw new Error(`oneDNN: no way to ${op} ${from.layout.type} of ${from.layout.dims.join('x')}.`);
  }
  lowering.step(
    node,
    descriptor,
    [[argument.src, from], ...scaleArguments(lowering, 'reorder', scaling)],
    [[argument.dst, to]],
    { op },
  );
}

/** The scales as 3.x takes them, with each execution; they are kept once for each use. */
export function scaleArguments(
  lowering: Lowering,
  kind: 'reorder' | 'layer',
  scaling: Scaling = {},
): (readonly [number: number, tensor: Tensor])[] {
  if (!lowering.natives.scalesAreArguments) return [];
  const { src, dst, channels } = scaling;
  const vectors: [number: number, data: Float32Array | undefined][] = [
    [argument.src, src === undefined ? undefined : Float32Array.of(src)],
    [kind === 'reorder' ? argument.dst : argument.weights, channels],
    [argument.dst, dst === undefined ? undefined : Float32Array.of(dst)],
  ];
  return vectors.flatMap(([number, data]) => {
    if (data === undefined) return [];
    const tensor = keptTensor(lowering.natives.plainLayout([data.length], 'f32'));
    lowering.lowered.constants.push({ tensor, data });
    return [[argument.scalesOf + number, tensor] as const];
  });
}

/** A tensor that holds its content between runs. */
export function keptTensor(layout: Layout): Tensor {
  return {
    layout,
    storage: {
      place: 'kept',
      bytes: layout.bytes,
      first: Number.POSITIVE_INFINITY,
      last: Number.NEGATIVE_INFINITY,
      offset: -1,
    },
  };
}
