// The most memory that a process has had (VmHWM) after two training steps, ours against PyTorch's, each alone. Of
// PyTorch's memory layouts the one that takes least counts. What the process takes without a network (Node, Python, the
// libraries) is part of it on both sides.
import { type Entrant, inTypes, laurelEntrant, ratioText, torchEntrant, type Work } from './compete.ts';
import { startContender } from './contender.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { findPythons } from './pythons.ts';

const trained: readonly (readonly [net: string, form: Work['form'], batch: number])[] = [
  ['resnet18', 'cifar', 128],
  ['alexnet_owt', 'imagenet', 16],
  ['vgg16', 'imagenet', 8],
  ['googlenet_bn', 'imagenet', 16],
  ['resnet50', 'imagenet', 16],
  ['resnext50_32x4d', 'imagenet', 16],
  ['seresnet50', 'imagenet', 16],
];
const goal = '0.6x or less';

interface Peak {
  readonly who: string;
  readonly mebibytes: number;
}

/** Of the variant that takes least. */
async function peakOf({ name, variants }: Entrant): Promise<Peak> {
  const peaks: number[] = [];
  for (const [variant, command, args] of variants) {
    const contender = await startContender(`${name} ${variant}`, command, args);
    peaks.push(contender.peakMiB());
    contender.stop();
  }
  return { who: name, mebibytes: Math.min(...peaks) };
}

export const memory = inTypes(
  'memory',
  (dtype, name, remark): Part => ({
    name,
    async measure(options) {
      const { found, leftOut: pythons } = findPythons(options.python);
      const works = new Map(
        trained.map(([net, form, batch]) => [net, { net, form, batch, dtype, what: 'train' } as const]),
      );
      const { results, leftOut } = await measureCases<readonly Peak[]>(
        name,
        [...works.keys()],
        options,
        async (net) => {
          const work = works.get(net) as Work;
          const peaks: Peak[] = [];
          const entrants = [
            laurelEntrant(work),
            ...found.map((python) => torchEntrant(work, python, 'eager')),
          ];
          for (const entrant of entrants) {
            const peak = await peakOf(entrant);
            options.log(`  ${peak.who}: ${peak.mebibytes.toFixed(0)} MiB`);
            peaks.push(peak);
          }
          return peaks;
        },
      );
      const everybody = ['Laurel', ...found.map(({ name }) => name)];
      const rows = [...results].map(([net, peaks]) => {
        const { batch } = works.get(net) as Work;
        const of = (who: string): number | undefined => peaks.find((peak) => peak.who === who)?.mebibytes;
        const others = peaks.filter(({ who }) => who !== 'Laurel').map(({ mebibytes }) => mebibytes);
        const ratio = others.length > 0 ? (of('Laurel') ?? Number.NaN) / Math.min(...others) : undefined;
        return [
          ...[net, dtype, `${batch}`],
          ...everybody.map((who) => of(who)?.toFixed(0) ?? ''),
          ...[ratioText(ratio), goal],
        ];
      });
      return paragraphs(
        'Largest resident memory of the process of a training, MiB (resnet18 at 32x32, the others at 224x224):',
        table(['network', 'dtype', 'batch', ...everybody, 'memory against PyTorch', 'goal'], rows),
        remark(),
        leftOutList([...pythons, ...leftOut]),
      );
    },
  }),
);
