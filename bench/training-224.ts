// Whole training steps of the large networks on 224x224 pictures, ours against PyTorch eager and compiled. A case is a
// network: `npm run bench -- training-224-bf16 --only resnet50`.
import { competeWith, inTypes, type Outcome, type Row, ratioText, verdict } from './compete.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { findPythons } from './pythons.ts';

/** Pictures per step; VGG's with fewer, so that all who take turns fit into memory at once. */
const batches: Readonly<Record<string, number>> = {
  alexnet_owt: 16,
  vgg16: 8,
  googlenet_bn: 16,
  resnet50: 16,
  resnext50_32x4d: 16,
  seresnet50: 16,
};

function goalOf(net: string, dtype: string): string {
  if (dtype === 'f32') return '1.4x or more';
  return net === 'resnet50' ? '3x or more' : '2.5x or more';
}

export const training224 = inTypes(
  'training-224',
  (dtype, name, remark): Part => ({
    name,
    async measure(options) {
      const { results, leftOut } = await measureCases<Outcome>(name, Object.keys(batches), options, (net) => {
        const work = { net, form: 'imagenet', batch: batches[net] as number, dtype, what: 'train' } as const;
        return competeWith(work, { torch: true, onnxruntime: false }, options);
      });
      const outcomes = [...results.values()];
      return paragraphs(
        'Whole training steps at 224x224, images/s:',
        comparison(outcomes, goalOf),
        remark(),
        leftOutList([
          ...findPythons(options.python).leftOut,
          ...leftOut,
          ...outcomes.flatMap(({ work, leftOut: reasons }) =>
            reasons.map((reason) => `${work.net}: ${reason}`),
          ),
        ]),
      );
    },
  }),
);

/** A row for each work, a column for each who took part in any, images/s. */
export function comparison(
  outcomes: readonly Outcome[],
  goal: (net: string, dtype: string, batch: number) => string,
): string {
  const all = outcomes.flatMap(({ rows }) => rows.map(({ who }) => who));
  const everybody = [...new Set(all)];
  const heading = ['network', 'dtype', 'batch', ...everybody, 'against the best rival', 'goal'];
  const rows = outcomes.map(({ work: { net, dtype, batch }, rows: found }) => {
    const speed = (row: Row | undefined): string =>
      row === undefined ? '' : significant((1000 * batch) / row.msPerStep);
    return [
      ...[net, dtype, `${batch}`],
      ...everybody.map((name) => speed(found.find(({ who }) => who === name))),
      ratioText(verdict(found).ratio),
      goal(net, dtype, batch),
    ];
  });
  return table(heading, rows);
}

/** Three digits, as far as they say anything. */
export function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
