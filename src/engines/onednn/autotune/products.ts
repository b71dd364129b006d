// Linear layers as matrix products, with the weights row-major (outputs x inputs, as networks have them) or transposed:
// at small batch the weights are all there is to read, and the inner product primitive may want them in yet another
// layout, which means one more pass over them in each step of a training.
import type { Value } from '../../../graph/graph.ts';
import { argument, type Layout } from '../abi.ts';
import { type Lowering, reluAfter, type Tensor } from '../lowering.ts';
import { type Implementation, targetOf } from './ways.ts';

const orders = [
  { name: 'matrix product', transposed: false },
  { name: 'matrix product, transposed weights', transposed: true },
] as const;

/** Weights as outputs x inputs, wherever their elements lie. */
function matrix(lowering: Lowering, w: Value, type: Layout['type'], transposed: boolean): Layout {
  const [o, c] = w.shape as [number, number];
  return lowering.natives.strided([o, c], type, transposed ? [1, o] : [c, 1]);
}

/** The same memory as inputs x outputs. */
function turned(lowering: Lowering, w: Value, { layout, storage }: Tensor, transposed: boolean): Tensor {
  const [o, c] = w.shape as [number, number];
  return {
    layout: lowering.natives.strided([c, o], layout.type, transposed ? [o, 1] : [1, c]),
    storage,
  };
}

export const productsForward: readonly Implementation[] = orders.map(({ name, transposed }) => ({
  name,
  lower(lowering, node, primitive) {
    const { natives, fusion } = lowering;
    const [x, w, b] = node.inputs as [Value, Value, Value?];
    const relu = fusion.reluAfter.get(node);
    const y = (relu ?? node).outputs[0] as Value;
    const type = lowering.storageType(x);
    const [o, c] = w.shape as [number, number];
    const asked = {
      src: lowering.plainLayout(x),
      weights: natives.strided([c, o], type, transposed ? [o, 1] : [1, c]),
      bias: b && natives.plainLayout([1, o], 'f32'),
      dst: lowering.plainLayout(y),
    };
    const product = natives.describe('matrixProduct', asked, relu ? reluAfter : []);
    if (product === undefined) return false;
    const weights = lowering.as(w, matrix(lowering, w, type, transposed));
    const inputs = [
      [argument.src, lowering.nativePlain(x)],
      [argument.weights, turned(lowering, w, weights, transposed)],
      ...(b && asked.bias ? [[argument.bias, { ...lowering.plain(b), layout: asked.bias }] as const] : []),
    ] as const;
    const target = targetOf(lowering, node, y, asked.dst, primitive.layout('dst') as Layout);
    lowering.step(node, product, inputs, [[argument.dst, target.tensor]]);
    target.finish();
    return true;
  },
}));

export const productsGradient: readonly Implementation[] = orders.map(({ name, transposed }) => ({
  name,
  lower(lowering, node, primitive) {
    const [dy, w] = node.inputs as [Value, Value];
    const dx = node.outputs[0] as Value;
    const weights = matrix(lowering, w, lowering.storageType(dy), transposed);
    const asked = { src: lowering.plainLayout(dy), weights, dst: lowering.plainLayout(dx) };
    const product = lowering.natives.describe('matrixProduct', asked);
    if (product === undefined) return false;
    const inputs = [
      [argument.src, lowering.nativePlain(dy)],
      [argument.weights, lowering.as(w, weights)],
    ] as const;
    const target = targetOf(lowering, node, dx, asked.dst, primitive.layout('diffSrc') as Layout);
    lowering.step(node, product, inputs, [[argument.dst, target.tensor]]);
    target.finish();
    return true;
  },
}));

export const productsWeightGradient: readonly Implementation[] = [
  {
    name: 'matrix product',
    lower(lowering, node, primitive) {
      const { natives } = lowering;
      const [x, dy] = node.inputs as [Value, Value];
      const [dw, db] = node.outputs as [Value, Value?];
      const type = lowering.storageType(x);
      const [n, c] = x.shape as [number, number];
      const o = dy.shape[1] as number;
      const wanted = primitive.layout('diffWeights') as Layout;
      const transposed = natives.sameLayout(wanted, matrix(lowering, dw, 'f32', true));
      const made = matrix(lowering, dw, 'f32', transposed);
      const gradient = natives.strided([o, n], type, [1, o]);
      // The smaller strides have to be those of the result's columns.
      const asked = transposed
        ? {
            src: natives.strided([c, n], type, [1, c]),
            weights: natives.plainLayout([n, o], type),
            dst: natives.plainLayout([c, o], 'f32'),
          }
        : { src: gradient, weights: natives.plainLayout([n, c], type), dst: made };
      const product = natives.describe('matrixProduct', asked);
      const ones = natives.plainLayout([1, n], type);
      const rows = natives.plainLayout([n, o], type);
      const total = natives.plainLayout([1, o], 'f32');
      const sum = db && natives.describe('matrixProduct', { src: ones, weights: rows, dst: total });
      if (product === undefined || (db !== undefined && sum === undefined)) return false;
      const [first, second] = transposed ? [x, dy] : [dy, x];
      const target = targetOf(lowering, node, dw, made, wanted);
      lowering.step(
        node,
        product,
        [
          [argument.src, { ...lowering.nativePlain(first), layout: asked.src }],
          [argument.weights, { ...lowering.nativePlain(second), layout: asked.weights }],
        ],
        [[argument.dst, { ...target.tensor, layout: asked.dst }]],
      );
      target.finish();
      if (db === undefined || sum === undefined) return true;
      lowering.step(
        node,
        sum,
        [
          [argument.src, { ...lowering.constant(n, 1, type), layout: ones }],
          [argument.weights, { ...lowering.nativePlain(dy), layout: rows }],
        ],
        [[argument.dst, { ...lowering.define(db, lowering.plainLayout(db)), layout: total }]],
      );
      return true;
    },
  },
];
