// The interface of an op: everything the op means, in one place. An op file under `ops/` exports one
// definition per result it can compute (forward and the pieces of its gradient) and a function that puts it
// into a graph. Engines know definitions by name and may compute them any way that agrees with `evaluate`.
import type { Node, Value } from './graph.ts';
import type { NumericArray, Shape, TensorType } from './tensor.ts';

export interface Evaluation<A> {
  readonly attributes: A;
  readonly inputs: readonly NumericArray[];
  readonly inputShapes: readonly Shape[];
  /** Zero-filled; `evaluate` writes the results here. */
  readonly outputs: readonly NumericArray[];
  readonly outputShapes: readonly Shape[];
}

export interface GradientRequest<A> {
  readonly node: Node<A>;
  /** The gradient of the loss for each output; undefined where none arrives. */
  readonly outputGradients: readonly (Value | undefined)[];
  /** Which inputs need a gradient; others may be left undefined, so that no work is spent on them. */
  readonly wanted: readonly boolean[];
}

/**
 * How a signal walks back from an output to an input. `gradient`: the derivative; `deconvnet`: the reconstruction of
 * Zeiler & Fergus 2014, section 2.1; `guided`: guided backpropagation (Springenberg et al. 2015, section 3.4). Each
 * names the field of an op that holds its rule.
 */
export type Rule = 'gradient' | 'deconvnet' | 'guided';

/** A sliding window, for receptive fields: sizes and steps in pixels of the op's input. */
export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  readonly padding: readonly [height: number, width: number];
}

export interface OpDefinition<A = unknown> {
  readonly name: string;
  /** Shape and precision rule: output types from input types; throws an Error that says what was expected. */
  infer(inputs: readonly TensorType[], attributes: A): readonly TensorType[];
  /** The definition of the result, in plain TypeScript, for any float storage. */
  evaluate(evaluation: Evaluation<A>): void;
  /** Gradient rule: one value per input. Absent for ops that are not differentiated (gradients, optimisers). */
  gradient?(request: GradientRequest<A>): readonly (Value | undefined)[];
  /** The deconvnet's rule, where it is not the gradient's: how a signal travels back towards the pixels. */
  deconvnet?(request: GradientRequest<A>): readonly (Value | undefined)[];
  /** Guided backpropagation's rule, where it is not the gradient's. */
  guided?(request: GradientRequest<A>): readonly (Value | undefined)[];
  /** Multiply-adds of one evaluation, counted for convolutions and linear layers as the literature does. */
  macs?(inputs: readonly Shape[], outputs: readonly Shape[], attributes: A): number;
  /** The window through which an output position sees the input; absent for ops that work position by position. */
  window?(inputs: readonly Shape[], attributes: A): Window;
}
