// Whole training steps (forward, backward, SGD with Nesterov momentum) of ResNet-18 on 32x32 pictures at batch 128,
// ours against every PyTorch that is here.
import {
  bf16Remark,
  comparedTypes,
  competeWith,
  describeRow,
  type Outcome,
  ratioText,
  verdict,
} from './compete.ts';
import { measureCases } from './kept.ts';
import { measureLoader } from './loader.ts';
import { leftOutList, type Part, table } from './part.ts';
import { findPythons } from './pythons.ts';

const goals: Readonly<Record<string, string>> = { f32: '1.45x or more', bf16: '2.5x or more' };
const batch = 128;

export const training: Part = {
  name: 'training',
  async measure(options) {
    const dtypes = comparedTypes();
    const remark = bf16Remark();
    const { results, leftOut } = await measureCases<Outcome>('training', dtypes, options, (dtype) => {
      const found = dtypes.find((each) => each === dtype) ?? 'f32';
      const work = { net: 'resnet18', form: 'cifar', batch, dtype: found, what: 'train' } as const;
      return competeWith(work, { torch: true, onnxruntime: false }, options);
    });
    const outcomes = [...results.values()];
    const rows = outcomes.flatMap(({ work, rows: all }) => {
      const { ratio } = verdict(all);
      return all.map((row) => [
        describeRow(row),
        work.dtype,
        row.msPerStep.toFixed(0),
        ((1000 * batch) / row.msPerStep).toFixed(1),
        ...(row.kind === 'laurel' ? [ratioText(ratio), goals[work.dtype] ?? ''] : ['', '']),
        row.peakMiB.toFixed(0),
      ]);
    });
    const loaderRate = await measureLoader(5);
    const ours = outcomes.flatMap(({ rows: all }) => all.filter(({ kind }) => kind === 'laurel'));
    const fastest = Math.max(...ours.map(({ msPerStep }) => (1000 * batch) / msPerStep));
    const heading = [
      'who',
      'dtype',
      'ms/step',
      'images/s',
      'against the best rival',
      'goal',
      'peak memory MiB',
    ];
    const missing = [
      ...findPythons(options.python).leftOut,
      ...leftOut,
      ...outcomes.flatMap((outcome) => outcome.leftOut),
    ];
    return [
      `ResNet-18 for 32x32 pictures, batch ${batch}, whole training step:`,
      '',
      table(heading, rows),
      '',
      ...(remark === '' ? [] : [remark, '']),
      `The loader alone (crop, flip, rotation, normalisation; one worker) delivers ${loaderRate.toFixed(0)} ` +
        `pictures/s, ${(loaderRate / fastest).toFixed(1)} times what the fastest step above eats.${leftOutList(missing)}`,
    ].join('\n');
  },
};
