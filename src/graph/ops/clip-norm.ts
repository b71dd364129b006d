// The norm of all gradients together and the scale that brings it down to a limit, as PyTorch's clip_grad_norm_ has it
// (Pascanu et al. 2013, algorithm 1):
//   norm = sqrt(sum of all squares);  scale = min(1, limit / (norm + 1e-6))
// A norm that is not finite gives a scale that is not: the step shows what happened instead of hiding it.
// Where gradients are gathered over several steps, only the last one is measured; norm 0 and scale 1 stand before it.
import { emit, type Value } from '../graph.ts';
import type { OpDefinition } from '../op.ts';
import type { NumericArray, TensorType } from '../tensor.ts';
import { isLastMicroStep } from './accumulate.ts';
import { expectFloat, expectIndex, expectInputs } from './checks.ts';
import type { Exchange } from './exchange.ts';

export interface ClipNormAttributes {
  /** The largest norm. */
  readonly limit: number;
  /** Steps that gather a gradient; above 1, the last input says which of them this is. */
  readonly steps: number;
  /** Sums over the ranks, where each has the gradients of its own part of the network. */
  readonly exchange?: Pick<Exchange, 'sum'> | undefined;
}

/** Four sums side by side, so that additions need not wait for each other. */
function sumOfSquares(numbers: NumericArray): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = numbers.length - (numbers.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += (numbers[i] as number) ** 2;
    b += (numbers[i + 1] as number) ** 2;
    c += (numbers[i + 2] as number) ** 2;
    d += (numbers[i + 3] as number) ** 2;
  }
  for (let i = whole; i < numbers.length; i++) a += (numbers[i] as number) ** 2;
  return a + b + c + d;
}

/** (g1, ..., gn, microStep?) -> norm, scale */
export const clipNormOp: OpDefinition<ClipNormAttributes> = {
  name: 'clipNorm',
  infer(inputs, { limit, steps }) {
    const types = expectInputs('clipNorm', inputs, steps > 1 ? 2 : 1, Infinity);
    const gradients = steps > 1 ? types.slice(0, -1) : types;
    for (const gradient of gradients) expectFloat('clipNorm', 'a gradient', gradient);
    if (steps > 1) expectIndex('clipNorm', 'a step', types.at(-1) as TensorType);
    if (!(limit > 0)) throw new Error(`clipNorm got the limit ${limit}, expected a number above 0.`);
    const type = { shape: [], precision: 'full' } as const;
    return [type, type];
  },
  evaluate({ attributes: { limit, steps, exchange }, inputs, outputs }) {
    const [norm, scale] = outputs as [NumericArray, NumericArray];
    if (steps > 1 && !isLastMicroStep(steps, inputs.at(-1) as NumericArray)) {
      norm[0] = 0;
      scale[0] = 1;
      return;
    }
    const gradients = steps > 1 ? inputs.slice(0, -1) : inputs;
    const squares = Float64Array.of(gradients.reduce((sum, numbers) => sum + sumOfSquares(numbers), 0));
    exchange?.sum(squares);
    const total = Math.sqrt(squares[0] as number);
    norm[0] = total;
    scale[0] = Math.min(1, limit / (total + 1e-6));
  },
};

/** `gradients`: any shapes; `microStep`: an index scalar, where `steps` is above 1. */
export function clipNorm(
  gradients: readonly Value[],
  limit: number,
  { steps, microStep, exchange }: Omit<ClipNormAttributes, 'limit'> & { microStep?: Value | undefined } = {
    steps: 1,
  },
): { norm: Value; scale: Value } {
  const inputs = microStep === undefined ? gradients : [...gradients, microStep];
  const [norm, scale] = emit(clipNormOp, { limit, steps, exchange }, inputs) as [Value, Value];
  return { norm, scale };
}
