// Early signs of a training that will not work, as sentences: what was seen, what is expected, what to do. The limits
// are far from what the zoo's own networks show at the start with their own recipes (loss up to 1.5 ln(classes),
// gradients of 3e-4 to 13 of the weights, up to a third of a convolution's units silent), so that a sign is one.
import type { FirstLook, LayerSlope, RectifiedLayer } from './first-look.ts';

export interface Circumstances {
  readonly classes: number;
  /** Of the step that was about to be taken. */
  readonly learningRate: number;
  /** Whether the weights are as they were drawn: only then is the loss of a guess expected. */
  readonly fresh: boolean;
  /** Whether the recipe divides by the standard deviation; papers before batch norm did not. */
  readonly scaled: boolean;
  readonly labelSmoothing: number;
}

/** Above this times ln(classes), and by more than `lossMargin`, a first loss is no guess. */
const lossFactor = 2;
const lossMargin = 1.5;
/** Norm of the gradient over norm of the weights: below it a layer stands still whatever the rate. */
const vanished = 1e-6;
/** Rate times that quotient: above it one step replaces the weights several times over. */
const exploded = 10;
/** Share of a convolution's channels that may be silent. */
const deadMaps = 0.5;
/** Of a linear layer's units about half are silent at the start, where features of all pictures are alike. */
const deadUnits = 0.9;
/** Layers with fewer units are left out: a few silent ones are chance. */
const leastUnits = 8;

/** What the first batch tells, a sentence or two for each sign; none for a training that may well work. */
export function earlyWarnings(look: FirstLook, circumstances: Circumstances): string[] {
  return [
    ...inputWarnings(look, circumstances),
    ...lossWarnings(look, circumstances),
    ...slopeWarnings(look.slopes, circumstances.learningRate),
    ...deadWarnings(look, 'lower the learning rate, or check how the biases start'),
  ];
}

/** What a later batch tells of units that training has silenced. */
export function laterWarnings(look: FirstLook, epoch: number): string[] {
  const advice = 'a lower learning rate or a longer warm-up keeps units alive';
  return deadWarnings(look, advice, ` after epoch ${epoch}`);
}

function inputWarnings({ channels, pictures }: FirstLook, { scaled }: Circumstances): string[] {
  const names = channels.length === 3 ? ['red', 'green', 'blue'] : channels.map((_, i) => `channel ${i + 1}`);
  const odd = channels.flatMap(({ mean, deviation }, i) => {
    const offCentre = Math.abs(mean) > 1.2 * Math.max(deviation, 1e-6);
    const offScale = scaled && !(deviation > 0.3 && deviation < 3.3);
    // Pixels that are all alike have nothing to learn from, whatever the recipe.
    const blank = !(deviation > 1e-6);
    return offCentre || offScale || blank
      ? [`${names[i]} has mean ${short(mean)}, deviation ${short(deviation)}`]
      : [];
  });
  if (odd.length === 0) return [];
  return [
    `Warning: the pictures that the network gets are not normalised: ${odd.join('; ')} (first ${pictures} pictures; ` +
      `expected: mean 0${scaled ? ', deviation 1' : ''}). Check that the pictures are not all dark, bright or ` +
      'alike, and that the folder is not named like a data set that it does not hold.',
  ];
}

function lossWarnings({ loss }: FirstLook, circumstances: Circumstances): string[] {
  const { classes, fresh, labelSmoothing } = circumstances;
  // Smoothed labels cost an even guess the same: -sum(q ln(1/classes)) is ln(classes) for every q.
  const guess = Math.log(classes);
  const even = `guessing evenly among ${classes} classes costs ${guess.toFixed(2)}${labelSmoothing > 0 ? ', smoothed labels or not' : ''}`;
  if (!Number.isFinite(loss)) {
    return [
      `Warning: the loss of the untrained network is not finite (${even}). Check the pictures for absurd values and how the weights start.`,
    ];
  }
  if (loss > Math.max(lossFactor * guess, guess + lossMargin)) {
    return [
      `Warning: the loss at the start is ${loss.toFixed(2)}; ${even}. The network is sure of wrong answers before it has learned any: check how its weights start, and that the pictures are normalised.`,
    ];
  }
  if (fresh && loss < guess / lossFactor) {
    return [
      `Warning: the loss at the start is ${loss.toFixed(2)}; ${even}. An untrained network cannot know so much: check that the labels are not all the same.`,
    ];
  }
  return [];
}

function slopeWarnings(slopes: readonly LayerSlope[], learningRate: number): string[] {
  const measured = slopes.filter(({ weight }) => weight > 0);
  const quotient = ({ gradient, weight }: LayerSlope): number => gradient / weight;
  const low = measured.filter((layer) => quotient(layer) < vanished);
  const high = measured.filter((layer) => !(quotient(layer) * learningRate <= exploded));
  const worst = (layers: readonly LayerSlope[], sign: 1 | -1): string => {
    const sorted = layers.toSorted((a, b) => sign * (quotient(a) - quotient(b)));
    return listed(sorted.map((layer) => `${layer.path} ${short(quotient(layer))}`));
  };
  const warnings: string[] = [];
  if (low.length > 0) {
    warnings.push(
      `Warning: gradients vanish in ${low.length} of ${measured.length} layers (gradient over weights: ${worst(low, 1)}; ` +
        'expected 1e-4 or more). These layers hardly learn: choose a form with batch norm, or a start made for depth (--initial he).',
    );
  }
  if (high.length > 0) {
    warnings.push(
      `Warning: gradients explode in ${high.length} of ${measured.length} layers (gradient over weights: ${worst(high, -1)}; at the ` +
        `rate ${short(learningRate)} a step should change weights by far less than themselves). Lower --lr, add --warmup, ` +
        'clip gradients (--clip-norm), or check how the weights start.',
    );
  }
  return warnings;
}

function deadWarnings({ rectified, pictures }: FirstLook, advice: string, when = ''): string[] {
  const isDead = ({ units, dead, maps }: RectifiedLayer): boolean =>
    units >= leastUnits && dead / units > (maps ? deadMaps : deadUnits);
  const layers = rectified.filter(isDead);
  if (layers.length === 0) return [];
  const shares = listed(layers.map(({ path, units, dead }) => `${path} ${dead} of ${units}`));
  return [
    `Warning: dead ReLUs${when} in ${layers.length} of ${rectified.length} layers: units that are zero for all ${pictures} pictures ` +
      `looked at (${shares}; expected less than half). They get no gradient and stay so: ${advice}.`,
  ];
}

/** The first three, and how many more. */
function listed(parts: readonly string[]): string {
  const rest = parts.length - 3;
  return parts.slice(0, 3).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}

function short(value: number): string {
  return Number.isFinite(value) ? `${Number(value.toPrecision(2))}` : `${value}`;
}
