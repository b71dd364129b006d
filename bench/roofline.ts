// How near to the machine's limits the work of the tables runs: each step of a program against the roofline of peaks that
// were measured beside it. Draws docs/figures/roofline.png and arena.png, of a training step of ResNet-50. Cases:
// `npm run bench -- roofline --only train-resnet50`.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Profile, ProfiledStep } from '../src/engines/profile/profile.ts';
import { benchInfer, benchTrain, type BenchOptions as RunOptions } from '../src/train/bench.ts';
import { drawProfile } from '../src/train/bench-figures.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { significant } from './training-224.ts';

interface Work {
  readonly what: 'train' | 'infer';
  readonly net: string;
  readonly form: 'imagenet' | 'cifar';
  readonly batch: number;
}

/** Whose figures stand in the docs. */
const drawn = 'train-resnet50';
const works: ReadonlyMap<string, Work> = new Map(
  (
    [
      ['train', 'resnet18', 'cifar', 128],
      ['train', 'alexnet_owt', 'imagenet', 16],
      ['train', 'vgg16', 'imagenet', 8],
      ['train', 'googlenet_bn', 'imagenet', 16],
      ['train', 'resnet50', 'imagenet', 16],
      ['train', 'resnext50_32x4d', 'imagenet', 16],
      ['train', 'seresnet50', 'imagenet', 16],
      ['infer', 'resnet50', 'imagenet', 16],
      ['infer', 'resnet50', 'imagenet', 1],
    ] as const
  ).map(([what, net, form, batch]) => [
    what === 'train' ? `train-${net}` : `infer-${net}-${batch}`,
    { what, net, form, batch },
  ]),
);

/** Parts of a step, each by its share of the time and how near to the roof it runs. */
const kinds = ['forward', 'data gradients', 'weight gradients', 'the rest'] as const;
type Kind = (typeof kinds)[number];

export function kindOf({ op, flops }: Pick<ProfiledStep, 'op' | 'flops'>): Kind {
  if (flops === 0) return 'the rest';
  if (op.endsWith('BackwardData')) return 'data gradients';
  return op.endsWith('BackwardWeights') ? 'weight gradients' : 'forward';
}

interface Result {
  readonly dtype: string;
  readonly imagesPerSecond: number;
  /** Were every step as fast as the roofline allows. */
  readonly limit: number;
  /** Percent of the time, and of the roof. */
  readonly kinds: Readonly<Partial<Record<Kind, { readonly share: number; readonly ofRoof: number }>>>;
  readonly peaks: Profile['peaks'];
}

/** The time of each kind of step, and the least that the roofline allows it. */
export function summarise(
  profile: Pick<Profile, 'ms' | 'steps'>,
): Pick<Result, 'kinds'> & { leastMs: number } {
  const least = ({ ms, ofRoof }: ProfiledStep): number => (ms * Math.min(ofRoof, 100)) / 100;
  const groups = Map.groupBy(profile.steps, kindOf);
  const sum = (steps: readonly ProfiledStep[], of: (step: ProfiledStep) => number): number =>
    steps.reduce((all, step) => all + of(step), 0);
  return {
    leastMs: sum(profile.steps, least),
    kinds: Object.fromEntries(
      [...groups].map(([kind, steps]) => {
        const ms = sum(steps, (step) => step.ms);
        return [kind, { share: (100 * ms) / profile.ms, ofRoof: (100 * sum(steps, least)) / ms }];
      }),
    ),
  };
}

async function profileOf({ what, net, form, batch }: Work, steps: number, draws: boolean): Promise<Result> {
  const request: RunOptions = { form, batch, steps, profile: true, autotune: 'on' };
  const { profile, report, dtype } = await (what === 'train' ? benchTrain : benchInfer)(net, request);
  if (profile === undefined || report === undefined) throw new Error(`${net} came without a profile.`);
  if (draws) {
    const folder = mkdtempSync(join(tmpdir(), 'laurel-roofline-'));
    try {
      await drawProfile(folder, profile, report, `${what} ${net}, batch ${batch}, ${dtype}`);
      for (const name of ['roofline.png', 'arena.png'])
        copyFileSync(join(folder, name), join('docs/figures', name));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  const { leastMs, kinds: found } = summarise(profile);
  return {
    ...{ dtype, kinds: found, peaks: profile.peaks },
    imagesPerSecond: (1000 * batch) / profile.ms,
    limit: (1000 * batch) / leastMs,
  };
}

export const roofline: Part = {
  name: 'roofline',
  async measure(options) {
    const { results, leftOut } = await measureCases<Result>('roofline', [...works.keys()], options, (name) =>
      profileOf(works.get(name) as Work, options.steps, name === drawn && !options.dry),
    );
    const rows = [...results].map(([name, { dtype, imagesPerSecond, limit, kinds: found }]) => {
      const { what, net, batch } = works.get(name) as Work;
      return [
        `${what} ${net}, batch ${batch}, ${dtype}`,
        significant(imagesPerSecond),
        significant(limit),
        `${((100 * imagesPerSecond) / limit).toFixed(0)} %`,
        ...kinds.map((kind) => {
          const part = found[kind];
          return part === undefined ? '' : `${part.share.toFixed(0)} % at ${part.ofRoof.toFixed(0)} %`;
        }),
      ];
    });
    const peaks = (results.get(drawn) ?? [...results.values()][0])?.peaks;
    const rates = Object.entries(peaks?.gflops ?? {}).map(
      ([dtype, gflops]) => `${dtype} ${gflops.toFixed(0)} GFLOP/s`,
    );
    const measured = peaks && [...rates, `copy ${peaks.copyGBs.toFixed(1)} GB/s`].join(', ');
    return paragraphs(
      measured === undefined ? '' : `Peaks, measured: ${measured}.`,
      'The last four columns are shares of the time and, behind them, how near to the roof that time is spent:',
      table(['work', 'images/s', "roofline's limit", 'of the limit', ...kinds], rows),
      leftOutList(leftOut),
    );
  },
};
