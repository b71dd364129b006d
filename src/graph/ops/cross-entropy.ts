// Mean cross-entropy of logits against labels, with what is counted beside it. For each row with label t:
//   loss = (1 - s) (-log p_t) + s mean_c (-log p_c)     s: label smoothing (Szegedy et al. 2016), as PyTorch
// Rows with a negative label are ignored; the mean is over the others and 0 where there are none.
// Top-k: a label counts as right if fewer than k logits are strictly greater than its own, so that ties count in
// its favour; a row whose logits hold NaN counts as wrong.
// Backward, for m counted rows: dlogits = dloss / m (p - (1 - s) onehot(t) - s / C)
import { emit, emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { expectIndex, expectInputs, expectShape, matrixShape } from './checks.ts';
import { exponentials } from './softmax.ts';

export interface CrossEntropyAttributes {
  /** Share of the target that is spread evenly over all classes, from 0 to 1. */
  readonly labelSmoothing: number;
}

/** The label of a row, checked; negative ones mean "ignore". */
function labelOf(op: string, labels: NumericArray, row: number, classes: number): number {
  const label = labels[row] as number;
  if (label >= classes) {
    throw new Error(
      `${op} got the label ${label} in row ${row}, expected less than ${classes} (the classes).`,
    );
  }
  return label;
}

/** How many logits of the row are strictly greater than the label's; Infinity where one is NaN. */
function rankOf(logits: NumericArray, start: number, classes: number, label: number): number {
  const own = logits[start + label] as number;
  let greater = 0;
  for (let i = start; i < start + classes; i++) {
    const logit = logits[i] as number;
    if (Number.isNaN(logit)) return Infinity;
    if (logit > own) greater++;
  }
  return greater;
}

/** (logits, labels) -> loss, probabilities, top1, top5 */
export const crossEntropyOp: OpDefinition<CrossEntropyAttributes> = {
  name: 'crossEntropy',
  infer(inputs, { labelSmoothing }) {
    const [logits, labels] = expectInputs('crossEntropy', inputs, 2) as [TensorType, TensorType];
    const [n] = matrixShape('crossEntropy', 'logits', logits.shape);
    expectShape('crossEntropy', 'labels', labels.shape, [n]);
    expectIndex('crossEntropy', 'labels', labels);
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new Error(`crossEntropy got label smoothing ${labelSmoothing}, expected a number from 0 to 1.`);
    }
    return [
      { shape: [], precision: 'full' },
      { shape: logits.shape, precision: 'full' },
      { shape: [], precision: 'full' },
      { shape: [], precision: 'full' },
    ];
  },
  evaluate({ attributes: { labelSmoothing }, inputs, inputShapes, outputs }) {
    const [logits, labels] = inputs as [NumericArray, NumericArray];
    const [loss, probabilities, top1, top5] = outputs as [
      NumericArray,
      NumericArray,
      NumericArray,
      NumericArray,
    ];
    const [n, classes] = inputShapes[0] as [number, number];
    let total = 0;
    let counted = 0;
    let first = 0;
    let firstFive = 0;
    for (let row = 0; row < n; row++) {
      const start = row * classes;
      const { largest, sum } = exponentials(logits, start, classes);
      const logSum = largest + Math.log(sum);
      let sumOfLogits = 0;
      for (let i = start; i < start + classes; i++) {
        probabilities[i] = Math.exp((logits[i] as number) - largest) / sum;
        sumOfLogits += logits[i] as number;
      }
      const label = labelOf('crossEntropy', labels, row, classes);
      if (label < 0) continue;
      counted++;
      const surprise = logSum - (logits[start + label] as number);
      total +=
        labelSmoothing === 0
          ? surprise
          : (1 - labelSmoothing) * surprise + labelSmoothing * (logSum - sumOfLogits / classes);
      const rank = rankOf(logits, start, classes, label);
      if (rank < 1) first++;
      if (rank < 5) firstFive++;
    }
    loss[0] = counted === 0 ? 0 : total / counted;
    top1[0] = first;
    top5[0] = firstFive;
  },
  gradient({ node, outputGradients: [dloss, ...others] }) {
    if (others.some((gradient) => gradient !== undefined)) {
      throw new Error('crossEntropy has a gradient through its loss only; use softmax for probabilities.');
    }
    if (dloss === undefined) return [];
    const [, labels] = node.inputs as [Value, Value];
    const [, probabilities] = node.outputs as [Value, Value];
    return [emitOne(crossEntropyBackwardOp, node.attributes, [probabilities, labels, dloss])];
  },
};

/** (probabilities, labels, dloss) -> dlogits */
export const crossEntropyBackwardOp: OpDefinition<CrossEntropyAttributes> = {
  name: 'crossEntropyBackward',
  infer(inputs) {
    const types = expectInputs('crossEntropyBackward', inputs, 3);
    const [probabilities, labels, dloss] = types as [TensorType, TensorType, TensorType];
    const [n] = matrixShape('crossEntropyBackward', 'probabilities', probabilities.shape);
    expectShape('crossEntropyBackward', 'labels', labels.shape, [n]);
    expectIndex('crossEntropyBackward', 'labels', labels);
    expectShape('crossEntropyBackward', 'a gradient of the loss', dloss.shape, []);
    return [{ shape: probabilities.shape, precision: 'compute' }];
  },
  evaluate({ attributes: { labelSmoothing }, inputs, inputShapes, outputs }) {
    const [probabilities, labels, dloss] = inputs as [NumericArray, NumericArray, NumericArray];
    const dlogits = outputs[0] as NumericArray;
    const [n, classes] = inputShapes[0] as [number, number];
    let counted = 0;
    for (let row = 0; row < n; row++) {
      if (labelOf('crossEntropyBackward', labels, row, classes) >= 0) counted++;
    }
    for (let row = 0; row < n; row++) {
      const label = labels[row] as number;
      if (label < 0) continue;
      const scale = (dloss[0] as number) / counted;
      for (let c = 0; c < classes; c++) {
        const target = (c === label ? 1 - labelSmoothing : 0) + labelSmoothing / classes;
        dlogits[row * classes + c] = scale * ((probabilities[row * classes + c] as number) - target);
      }
    }
  },
};

export interface CrossEntropy {
  /** Mean over the counted rows, in nats. */
  readonly loss: Value;
  /** Softmax of the logits, NxC. */
  readonly probabilities: Value;
  /** Number of rows whose label has the largest logit, and one of the five largest. */
  readonly top1: Value;
  readonly top5: Value;
}

/** `logits`: NxC; `labels`: N whole numbers below C, negative to ignore a row. */
export function crossEntropy(
  logits: Value,
  labels: Value,
  { labelSmoothing = 0 }: Partial<CrossEntropyAttributes> = {},
): CrossEntropy {
  const outputs = emit(crossEntropyOp, { labelSmoothing }, [logits, labels]);
  const [loss, probabilities, top1, top5] = outputs as [Value, Value, Value, Value];
  return { loss, probabilities, top1, top5 };
}
