// Pictures in, logits out: every network in its first form at batch 1 and 16 against onnxruntime, which reads the file
// that our own exporter writes; ResNet-50 against PyTorch, eager and compiled, too, and by itself in bf16. A case is a network:
// `npm run bench -- inference --only resnet18,vgg16`.
import { findNetwork, networks } from '../src/nets/index.ts';
import { formOf } from '../src/nets/network.ts';
import { bf16Remark, competeWith, type Outcome, ratioText, verdict } from './compete.ts';
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
    const { results, leftOut } = await measureCases<readonly Outcome[]>(
      'inference',
      networks.map(({ name }) => name),
      options,
      async (net) => {
        const form = formOf(findNetwork(net))[0] === 'cifar' ? 'cifar' : 'imagenet';
        const isChampion = net === champion;
        const outcomes: Outcome[] = [];
        for (const batch of batches) {
          const work = { net, form, batch, dtype: 'f32', what: 'infer' } as const;
          outcomes.push(await competeWith(work, { torch: isChampion, onnxruntime: true }, options, turns));
        }
        return outcomes;
      },
    );
    const missing = [
      ...findPythons(options.python).leftOut,
      ...leftOut,
      ...reasonsOf([...results.values()].flat()),
    ];
    return paragraphs(
      championTable(results.get(champion) ?? []),
      'All networks in f32 against onnxruntime, ms a batch (goal: 1.1x or more each):',
      zoo([...results.values()]),
      leftOutList(missing),
    );
  },
};

export const inferenceBf16: Part = {
  name: 'inference-bf16',
  async measure(options) {
    const outcomes: Outcome[] = [];
    for (const batch of batches) {
      const work = { net: champion, form: 'imagenet', batch, dtype: 'bf16', what: 'infer' } as const;
      outcomes.push(await competeWith(work, { torch: true, onnxruntime: false }, options, turns));
    }
    const missing = [...findPythons(options.python).leftOut, ...reasonsOf(outcomes)];
    return paragraphs(championTable(outcomes), bf16Remark(), leftOutList(missing));
  },
};

function championTable(outcomes: readonly Outcome[]): string {
  if (outcomes.length === 0) return '';
  // The batch belongs to the name of a ratio.
  const rows = comparison(outcomes, goalOf).replaceAll(
    /^(\| resnet50) \| (\w+) \| (\d+)/gm,
    '$1, batch $3 | $2 | $3',
  );
  return paragraphs('ResNet-50, images/s:', rows);
}

/** Who did not take part, and why. */
function reasonsOf(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ work, leftOut }) =>
    leftOut.map((reason) => `${work.net}, batch ${work.batch}: ${reason}`),
  );
}

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
