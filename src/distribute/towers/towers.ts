// Two towers as a training sees them: the network is divided over two ranks, its batches are not. What is written down
// and read back are the states of one process, by their ordinary names: a run in towers can be taken up by one process,
// and the reverse.
import { UserError } from '../../errors.ts';
import type { Shape } from '../../graph/tensor.ts';
import type { Network } from '../../nets/network.ts';
import type { RankExchange } from '../exchange.ts';
import type { Ranks } from '../ranks.ts';
import { divideIntoTowers, partOfTower } from './divide.ts';

export interface Towers {
  readonly exchange: RankExchange;
  /** The tower that this rank computes. */
  divide(network: Network): Network;
  /** This tower's part of a state. `shape`: of the whole. */
  part(whole: Float32Array, shape: Shape): Float32Array;
  /** The state that both towers' parts make; both ask for the same one. */
  whole(part: Float32Array, shape: Shape): Float32Array;
}

/** What `--towers` asks for. Throws a UserError for what cannot be divided so. */
export function checkTowers(
  towers: number | undefined,
  asked: { readonly network?: string; readonly groups?: unknown; readonly ranks?: number | undefined },
): void {
  if (towers === undefined) return;
  const refuse = (message: string): never => {
    throw new UserError(message, { exitCode: 2 });
  };
  if (towers !== 2) refuse(`--towers is ${towers}; AlexNet has 2.`);
  if (asked.network !== undefined && asked.network !== 'alexnet') {
    refuse(`--towers 2 is AlexNet's, and ${asked.network} has no towers; --ranks 2 divides its batches.`);
  }
  if (asked.ranks !== undefined && asked.ranks !== 2) {
    const ranks = asked.ranks === 1 ? 'one process' : `${asked.ranks} ranks`;
    refuse(`--towers 2 takes two ranks, a tower on each, and this is ${ranks}.`);
  }
  if ('groups' in asked && asked.groups !== 2) {
    refuse('--towers 2 takes the alexnet of two groups (form imagenet or cifar, --set groups=2).');
  }
}

/** The towers of two ranks. */
export function towersOf({ rank, size, exchange, gatherNumbers }: Ranks): Towers {
  if (exchange === undefined || size !== 2) throw new Error(`Two towers got ${size} ranks.`);
  const placeOf = (shape: Shape) => {
    const [units = 1, ...rest] = shape;
    const each = rest.reduce((product, length) => product * length, 1);
    return [0, 1].map((tower) => {
      const { first, count } = partOfTower(units, tower);
      return { from: first * each, to: (first + count) * each };
    });
  };
  return {
    exchange,
    divide: (network) => divideIntoTowers(network, { tower: rank, exchange }),
    part(whole, shape) {
      const { from, to } = placeOf(shape)[rank] as { from: number; to: number };
      return whole.slice(from, to);
    },
    whole(part, shape) {
      const places = placeOf(shape);
      const parts = gatherNumbers(part, Math.max(...places.map(({ from, to }) => to - from)));
      const whole = new Float32Array(shape.reduce((product, length) => product * length, 1));
      for (const [tower, { from, to }] of places.entries()) {
        whole.set((parts[tower] as Float32Array).subarray(0, to - from), from);
      }
      return whole;
    },
  };
}
