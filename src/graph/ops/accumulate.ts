// The mean of a gradient over several steps, gathered one by one (micro-steps 0 to steps - 1):
//   a = g / steps at micro-step 0, a + g / steps at the others
// What stood in `a` before micro-step 0 counts for nothing, so that nobody has to empty it. Fewer steps may make a mean:
// the first one is called 0 and the last one steps - 1 all the same, and what they lack is made up for by a factor of
// the loss; a single one, first and last at once, is called -1.
import { emitOne, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { expectFloat, expectIndex, expectInputs, expectShape } from './checks.ts';

export interface AccumulateAttributes {
  readonly steps: number;
}

/** The micro-step that begins and ends a mean. */
export const onlyMicroStep = -1;

/** Throws an Error where the fed micro-step is not one of the `steps`. */
function microStepOf(steps: number, fed: NumericArray): number {
  const microStep = fed[0] as number;
  if (!(microStep >= onlyMicroStep && microStep < steps)) {
    throw new Error(
      `A micro-step is ${microStep}, expected one from 0 to ${steps - 1}, or ${onlyMicroStep} for the only one.`,
    );
  }
  return microStep;
}

/** Whether the mean is whole with this micro-step. */
export function endsMean(steps: number, microStep: number): boolean {
  return microStep === steps - 1 || microStep === onlyMicroStep;
}

export function isLastMicroStep(steps: number, fed: NumericArray): boolean {
  return endsMean(steps, microStepOf(steps, fed));
}

/** (gathered, g, microStep) -> gathered with this step's share */
export const accumulateOp: OpDefinition<AccumulateAttributes> = {
  name: 'accumulate',
  infer(inputs) {
    const types = expectInputs('accumulate', inputs, 3);
    const [gathered, g, microStep] = types as [TensorType, TensorType, TensorType];
    expectFloat('accumulate', 'a gradient', g);
    expectShape('accumulate', 'what is gathered', gathered.shape, g.shape);
    expectIndex('accumulate', 'a step', microStep);
    expectShape('accumulate', 'a step', microStep.shape, []);
    return [{ shape: g.shape, precision: 'full' }];
  },
  evaluate({ attributes: { steps }, inputs, outputs }) {
    const [gathered, g, fed] = inputs as [NumericArray, NumericArray, NumericArray];
    const y = outputs[0] as NumericArray;
    const share = 1 / steps;
    if (microStepOf(steps, fed) <= 0) {
      for (let i = 0; i < y.length; i++) y[i] = share * (g[i] as number);
    } else {
      for (let i = 0; i < y.length; i++) y[i] = (gathered[i] as number) + share * (g[i] as number);
    }
  },
};

/** `gathered`, `g`: the same shape; `microStep`: an index scalar below `steps`. */
export function accumulate(gathered: Value, g: Value, microStep: Value, steps: number): Value {
  return emitOne(accumulateOp, { steps }, [gathered, g, microStep]);
}
