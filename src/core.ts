// The part of Laurel that knows no Node: networks as graphs, and the reference engine that defines every result.
// It runs in a browser as it stands (`import ... from 'laurel/core'`).

export * from './engines/engine.ts';
export { createReferenceEngine } from './engines/reference/index.ts';
export { didYouMean, nearestNames, UserError } from './errors.ts';
export { gradients, walkBack } from './graph/autodiff.ts';
export * from './graph/cost.ts';
export * from './graph/graph.ts';
export type * from './graph/op.ts';
export * from './graph/ops/index.ts';
export * from './graph/tensor.ts';
export { type Layers, layers } from './nets/layers.ts';
export * from './nets/network.ts';
