// The range test of Smith 2017 ("Cyclical learning rates", section 3.3): a short training whose rate grows from far too
// small to far too large by the same factor each step. The loss stays, falls, and at last shoots up; a good rate lies
// where it falls most steeply.
//
// The rule for the one number: losses are smoothed by a Gaussian over the steps, centred, so that the curve is not
// shifted towards larger rates as a running mean would shift it; its deviation is 2 steps (a sixth of a decade in the
// usual range), up to 5 where the batches are noisy. The first valley counts: the curve up to its lowest point before
// it climbs back by half of what it had fallen. The suggestion is the largest rate in it at which the loss falls at
// least 0.75 times as fast, per decade, as where it falls fastest: of rates that are as good the larger learns faster.
import { setImmediate as turn } from 'node:timers/promises';
import type { ComputeType, EngineDescription } from '../../engines/engine.ts';
import { UserError } from '../../errors.ts';
import type { Form } from '../../nets/network.ts';
import type { Setup } from '../setup.ts';
import { batchesOf, type RehearsalOptions, rehearse, takeStep } from './rehearsal.ts';

export interface RateSearchOptions extends RehearsalOptions {
  /** First and last rate; default 1e-7 and 10. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Rates to try; default 100. */
  readonly steps?: number | undefined;
  readonly onStep?: ((done: number, total: number, rate: number, loss: number) => void) | undefined;
}

export interface RatePoint {
  readonly rate: number;
  readonly loss: number;
  readonly smoothed: number;
}

export interface RateSearch {
  readonly network: string;
  readonly form: Form;
  readonly dataset: string;
  readonly recipe: string;
  /** Pictures of an update. */
  readonly batch: number;
  readonly seed: number;
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  /** Of the steps that were taken, in their order. */
  readonly points: readonly RatePoint[];
  /** The largest rate at which the smoothed loss falls (nearly) fastest, to two digits; null where it does not fall. */
  readonly suggestion: number | null;
  /** The bottom of the first valley of the smoothed loss; null where there is none. */
  readonly lowest: { readonly rate: number; readonly loss: number } | null;
  /** Why the search ended before its last rate; null where it did not. */
  readonly stopped: { readonly rate: number; readonly reason: string } | null;
  /** The largest rate of the recipe. */
  readonly recipeRate: number;
  readonly seconds: number;
}

/** Deviations of the smoothing, in steps; the first that leaves little noise is taken. */
const smoothings = [2, 3, 4, 5] as const;
/** Noise that may be left, as a share of the fall, and times the noise that a fall must be to be one. */
const noiseShare = 0.05;
const clearOfNoise = 4;
const nearlySteepest = 0.75;
/** Share of the first loss that a fall must be in any case. */
const leastFall = 0.02;
/** A running mean of so many losses, above so many times its lowest value, ends the search. */
const runningSteps = 5;
const divergedFactor = 4;

/** Trains for `steps` steps with growing rates. A signal ends it with an AbortError. Nothing is written. */
export async function findLearningRate(options: RateSearchOptions): Promise<RateSearch> {
  const { from = 1e-7, to = 10, steps = 100, onStep, ...training } = options;
  checkRange(from, to, steps);
  // A last batch that is not full would be a point of another kind.
  const overrides = { ...training.overrides, lastBatch: 'drop' } as const;
  const setup = await rehearse({ ...training, overrides });
  try {
    return await search(setup, { from, to, steps, onStep });
  } finally {
    await setup.close();
  }
}

function checkRange(from: number, to: number, steps: number): void {
  if (!(from > 0 && to > from && Number.isFinite(to))) {
    throw new UserError(
      `The rates go from ${from} to ${to}; expected a first one above 0 and a larger last one.`,
      {
        exitCode: 2,
      },
    );
  }
  if (!Number.isInteger(steps) || steps < 10) {
    throw new UserError(`The number of rates is ${steps}; expected a whole number of at least 10.`, {
      exitCode: 2,
    });
  }
}

interface Range extends Pick<RateSearchOptions, 'onStep'> {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

async function search(setup: Setup, { from, to, steps, onStep }: Range): Promise<RateSearch> {
  const { config, recipe, engine, options } = setup;
  const began = performance.now();
  const { accumulate = 1 } = recipe;
  const batches = batchesOf(setup.trainLoader);
  const rates: number[] = [];
  const losses: number[] = [];
  const guard = divergenceGuard();
  let stopped: RateSearch['stopped'] = null;
  try {
    for (let i = 0; i < steps && stopped === null; i++) {
      const rate = from * (to / from) ** (i / (steps - 1));
      let loss = 0;
      for (let part = 0; part < accumulate; part++) {
        const { value } = await batches.next();
        loss += takeStep(setup, value, rate, i * accumulate + part).loss / accumulate;
      }
      const reason = guard(loss);
      if (Number.isFinite(loss)) {
        rates.push(rate);
        losses.push(loss);
      }
      if (reason !== undefined) stopped = { rate, reason };
      onStep?.(i + 1, steps, rate, loss);
      await turn();
      options.signal?.throwIfAborted();
    }
  } finally {
    await batches.return(undefined as never);
  }
  return {
    network: config.network,
    form: config.form,
    dataset: config.data.name,
    recipe: recipe.name,
    batch: recipe.batch * accumulate,
    seed: config.seed,
    dtype: config.dtype,
    engine: engine.describe(),
    from,
    to,
    steps,
    ...suggest(rates, losses),
    stopped,
    recipeRate: recipe.learningRate,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Takes each loss; gives the reason to stop as soon as there is one. */
function divergenceGuard(): (loss: number) => string | undefined {
  const last: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  return (loss) => {
    if (!Number.isFinite(loss)) return 'the loss is no longer a finite number';
    last.push(loss);
    if (last.length > runningSteps) last.shift();
    const running = mean(last);
    lowest = Math.min(lowest, running);
    if (running <= divergedFactor * lowest) return undefined;
    return `the loss (mean of ${runningSteps} steps) is above ${divergedFactor} times its lowest value`;
  };
}

/** The smoothed curve, its first valley, and the rate of the steepest fall into it, where there is one. */
export function suggest(
  rates: readonly number[],
  losses: readonly number[],
): Pick<RateSearch, 'points' | 'suggestion' | 'lowest'> {
  const start = mean(losses.slice(0, Math.max(runningSteps, losses.length / 10)));
  // Losses that shoot up count as no more than twice the first ones, or they would drown the rest.
  const capped = losses.map((loss) => Math.min(loss, 2 * start));
  // Humps are looked for in the least smoothed curve: more smoothing would level them.
  const end = endOfValley(smooth(capped, smoothings[0]), start, noiseOf(capped, smoothings[0]));
  let smoothed: number[] = [];
  let noise = 0;
  let bottom = 0;
  for (const deviation of smoothings) {
    smoothed = smooth(capped, deviation);
    noise = noiseOf(capped, deviation);
    bottom = lowestOf(smoothed.slice(0, end));
    if (noise <= noiseShare * (start - (smoothed[bottom] as number))) break;
  }
  const points = rates.map((rate, i) => ({
    rate,
    loss: losses[i] as number,
    smoothed: smoothed[i] as number,
  }));
  const lowest = points[bottom];
  if (lowest === undefined || bottom === 0 || !isFall(start - lowest.smoothed, start, noise)) {
    return { points, suggestion: null, lowest: null };
  }
  return {
    points,
    suggestion: Number((points[steepest(points, bottom)] as RatePoint).rate.toPrecision(2)),
    lowest: { rate: lowest.rate, loss: lowest.smoothed },
  };
}

/** A normal deviation from the median size of what smoothing takes away, and what averaging leaves of it. */
function noiseOf(losses: readonly number[], deviation: number): number {
  const smoothed = smooth(losses, deviation);
  const residuals = losses.map((loss, i) => Math.abs(loss - (smoothed[i] as number)));
  return (1.48 * median(residuals)) / Math.sqrt(2 * Math.sqrt(Math.PI) * deviation);
}

function isFall(fall: number, start: number, noise: number): boolean {
  return fall > Math.max(leastFall * start, clearOfNoise * noise);
}

/** Where the curve has climbed back by half of its fall; its length where it never does. */
function endOfValley(smoothed: readonly number[], start: number, noise: number): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const [i, loss] of smoothed.entries()) {
    lowest = Math.min(lowest, loss);
    if (isFall(start - lowest, start, noise) && loss - lowest > (start - lowest) / 2) return i;
  }
  return smoothed.length;
}

function lowestOf(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value < (values[best] as number) ? i : best), 0);
}

/** The last place before `bottom` where the curve falls nearly as fast as where it falls fastest. */
function steepest(points: readonly RatePoint[], bottom: number): number {
  const falls = points.slice(0, bottom + 1).map((_, i) => {
    const [a, b] = [points[Math.max(0, i - 1)], points[Math.min(points.length - 1, i + 1)]] as [
      RatePoint,
      RatePoint,
    ];
    return (a.smoothed - b.smoothed) / Math.log10(b.rate / a.rate);
  });
  const fastest = Math.max(...falls);
  return falls.findLastIndex((fall) => fall >= nearlySteepest * fastest);
}

/** Centred Gaussian mean. */
function smooth(losses: readonly number[], deviation: number): number[] {
  return losses.map((_, at) => {
    let sum = 0;
    let weights = 0;
    for (const [i, loss] of losses.entries()) {
      const weight = Math.exp(-0.5 * ((i - at) / deviation) ** 2);
      sum += weight * loss;
      weights += weight;
    }
    return sum / weights;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
