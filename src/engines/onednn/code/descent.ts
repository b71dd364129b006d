// A step of stochastic gradient descent with momentum (PyTorch's form) as AVX-512 code, over tensors as vectors, in place:
//   s = scale g + weightDecay w;   v = momentum v + s;   w = w - rate (nesterov ? s + momentum v : v)
// Weights, velocity and gradient pass through memory once.
import { Assembler, at, r } from './assembler.ts';
import { lanes, vectorBytes } from './cut.ts';
import { args, forEachLine, slotsOf } from './items.ts';
import { numbersBehind } from './numbers.ts';
import type { Team } from './team.ts';

export interface Descent {
  /** Numbers, a multiple of 16. */
  readonly count: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  /** Whether the gradient is multiplied with a number first. */
  readonly scaled: boolean;
}

/** Registers that a thread takes at a time. */
const pieceLength = 256;

/** Arguments: g, rate, scale (where there is one), w, v. */
export function descentCode(
  { count, momentum, weightDecay, nesterov, scaled }: Descent,
  team: Team,
): Uint8Array {
  if (count % lanes > 0) throw new Error(`${count} numbers do not fill registers of ${lanes}.`);
  const [g, w, v] = [r.si, r.di, r.r8] as const;
  const [rate, scale, speed, decay] = [28, 29, 30, 31] as const;
  const slots = slotsOf('g', 'rate', scaled && 'scale', 'w', 'v');
  const code = new Assembler();
  const numbers = numbersBehind(code);
  const pointers = [
    [g, slots.g],
    [w, slots.w],
    [v, slots.v],
  ] as const;
  forEachLine(
    code,
    { lines: count / lanes, pieceLength, pointers, team },
    () => {
      const everywhere = (to: number, slot: number): void => {
        code.move(r.ax, at(args, slot));
        code.broadcast(to, at(r.ax));
      };
      everywhere(rate, slots.rate);
      if (scaled) everywhere(scale, slots.scale);
      numbers.broadcast(speed, momentum);
      numbers.broadcast(decay, weightDecay);
    },
    (some) => {
      for (let i = 0; i < some; i++) {
        const [slope, weight, velocity] = [3 * i, 3 * i + 1, 3 * i + 2] as const;
        code.load(slope, at(g, i * vectorBytes));
        code.load(weight, at(w, i * vectorBytes));
        code.load(velocity, at(v, i * vectorBytes));
        if (scaled) code.multiply(slope, slope, scale);
        if (weightDecay !== 0) code.multiplyAdd(slope, weight, decay);
        code.multiplyThenAdd(velocity, speed, slope);
        code.store(at(v, i * vectorBytes), velocity);
        if (nesterov) code.multiplyAdd(slope, velocity, speed);
        code.multiplySubtracted(weight, nesterov ? slope : velocity, rate);
        code.store(at(w, i * vectorBytes), weight);
      }
    },
  );
  numbers.place();
  return code.code();
}
