// Pictures in, logits out: every network in its first form at batch 1 and 16 against onnxruntime, which reads the file
// that our own exporter writes; ResNet-50 against PyTorch, eager and compiled, too. A case is a network:
// `npm run bench -- inference --only resnet18,vgg16`.
import type { ComputeType } from '../src/engines/engine.ts';
import { findNetwork, networks } from '../src/nets/index.ts';
import { formOf } from '../src/nets/network.ts';
import { comparedTypes, competeWith, type Outcome, ratioText, verdict } from './compete.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { findPythons } from './pythons.ts';
import { comparison, significant } from './training-224.ts';

const batches = [1, 16] as const;
/** Whose rivals are all that there are. */
const champion = 'resnet50';
/** Short turns, for the clock changes within a second, of many steps, for those of small networks take microseconds. */
const turns = { turnMs: 100, totalMs: 8000 };

const goalOf = (_: string, dtype: string): string => (dtype === 'f32' ? '1.1x or more' : '2.2x or more');

export const inference: Part = {
  name: 'inference',
  async measure(options) {
    const { dtypes, remark } = comparedTypes();
    const { results, leftOut } = await measureCases<readonly Outcome[]>(
      'inference',
      networks.map(({ name }) => name),
      options,
      async (net) => {
        const form = formOf(findNetwork(net))[0] === 'cifar' ? 'cifar' : 'imagenet';
        const isChampion = net === champion;
        const outcomes: Outcome[] = [];
        for (const dtype of isChampion ? dtypes : (['f32'] satisfies ComputeType[])) {
          for (const batch of batches) {
            const work = { net, form, batch, dtype, what: 'infer' } as const;
            outcomes.push(await competeWith(work, { torch: isChampion, onnxruntime: true }, options, turns));
          }
        }
        return outcomes;
      },
    );
    const championOutcomes = results.get(champion) ?? [];
    const missing = [
      ...findPythons(options.python).leftOut,
      ...leftOut,
      ...[...results.values()]
        .flat()
        .flatMap(({ work, leftOut: reasons }) =>
          reasons.map((reason) => `${work.net}, batch ${work.batch}: ${reason}`),
        ),
    ];
    return paragraphs(
      championOutcomes.length > 0 ? 'ResNet-50, images/s:' : '',
      // The batch belongs to the name of a ratio.
      championOutcomes.length > 0
        ? comparison(championOutcomes, goalOf).replaceAll(
            /^(\| resnet50) \| (\w+) \| (\d+)/gm,
            '$1, batch $3 | $2 | $3',
          )
        : '',
      championOutcomes.length > 0 ? remark : '',
      'All networks in f32 against onnxruntime, ms a batch (goal: 1.1x or more each):',
      zoo([...results.values()]),
      leftOutList(missing),
    );
  },
};

function zoo(cases: readonly (readonly Outcome[])[]): string {
  const heading = [
    'network',
    ...batches.flatMap((batch) => [`${batch}: Laurel`, 'onnxruntime', `speed at ${batch}`]),
  ];
  const rows = cases.map((outcomes) => [
    outcomes[0]?.work.net ?? '',
    ...batches.flatMap((batch) => {
      const outcome = outcomes.find(({ work }) => work.batch === batch && work.dtype === 'f32');
      const rows = outcome?.rows.filter(({ kind }) => kind === 'laurel' || kind === 'onnxruntime') ?? [];
      const { ours, rival, ratio } = verdict(rows);
      const ms = (row: typeof ours): string => (row === undefined ? '' : significant(row.msPerStep));
      return [ms(ours), ms(rival), ratioText(ratio)];
    }),
  ]);
  return table(heading, rows);
}
