// Whole training steps (forward, backward, SGD with Nesterov momentum) of ResNet-18 on 32x32 pictures at batch 128,
// ours against PyTorch's. PyTorch runs in both memory layouts, and the better one is the rival. Contenders that
// cannot run here (no PyTorch, no bf16 on this CPU) are left out and said so.
import { chooseEngine } from '../src/engines/choose.ts';
import { alternate, type Contender, startContender } from './contender.ts';
import { measureLoader } from './loader.ts';
import { type BenchOptions, leftOutList, type Part, table } from './part.ts';

const net = 'resnet18';
const form = 'cifar';
const batch = 128;

interface TrainingRow {
  readonly contender: string;
  readonly dtype: 'f32' | 'bf16';
  readonly msPerStep: number;
  readonly imagesPerSecond: number;
  readonly peakMiB: number;
  readonly facts: Record<string, unknown>;
}

interface TrainingComparison {
  readonly rows: readonly TrainingRow[];
  readonly leftOut: readonly string[];
}

async function compareTraining({ rounds, steps, python, log }: BenchOptions): Promise<TrainingComparison> {
  const bf16 = chooseEngine('onednn').engine.describe().dtypes.includes('bf16');
  const leftOut: string[] = bf16
    ? []
    : ['bf16: this CPU has no AVX-512, so neither side computes in it natively'];
  const rows: TrainingRow[] = [];
  for (const dtype of bf16 ? (['f32', 'bf16'] as const) : (['f32'] as const)) {
    const candidates = [
      ['Laurel', process.execPath, ['bench/laurel-worker.ts', net, form, `${batch}`, dtype]],
      ['PyTorch', python, ['bench/torch_worker.py', net, form, `${batch}`, dtype, 'nchw']],
      ['PyTorch, channels last', python, ['bench/torch_worker.py', net, form, `${batch}`, dtype, 'nhwc']],
    ] as const;
    const contenders: Contender[] = [];
    for (const [name, command, args] of candidates) {
      log(`starting ${name}, ${dtype}`);
      try {
        contenders.push(await startContender(name, command, [...args]));
      } catch (error) {
        leftOut.push(`${name}, ${dtype}: ${(error as Error).message}`);
      }
    }
    const times = await alternate(contenders, rounds, steps);
    for (const [contender, ms] of times) {
      const imagesPerSecond = (batch * 1000) / ms;
      const { name, facts } = contender;
      rows.push({
        contender: name,
        dtype,
        msPerStep: ms,
        imagesPerSecond,
        peakMiB: contender.peakMiB(),
        facts,
      });
      log(`${name}, ${dtype}: ${imagesPerSecond.toFixed(1)} images/s`);
    }
    for (const contender of contenders) contender.stop();
  }
  return { rows, leftOut };
}

function bestRival(rows: readonly TrainingRow[], dtype: string): TrainingRow | undefined {
  return rows
    .filter((row) => row.dtype === dtype && row.contender !== 'Laurel')
    .sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
}

function cells(row: TrainingRow, rows: readonly TrainingRow[]): string[] {
  const rival = bestRival(rows, row.dtype);
  const ratio = rival && row.contender === 'Laurel' ? `${(rival.msPerStep / row.msPerStep).toFixed(2)}x` : '';
  const { library, isa, threads } = row.facts as Record<string, string>;
  const who = `${row.contender} (${[library, isa, `${threads} threads`].filter(Boolean).join(', ')})`;
  return [
    who,
    row.dtype,
    row.msPerStep.toFixed(0),
    row.imagesPerSecond.toFixed(1),
    ratio,
    row.peakMiB.toFixed(0),
  ];
}

export const training: Part = {
  name: 'training',
  async measure(options) {
    const loaderRate = await measureLoader(5);
    const { rows, leftOut } = await compareTraining(options);
    const ours = rows.filter(({ contender }) => contender === 'Laurel');
    const fastest = Math.max(...ours.map(({ imagesPerSecond }) => imagesPerSecond));
    const heading = ['who', 'dtype', 'ms/step', 'images/s', 'against the best rival', 'peak memory MiB'];
    return [
      'ResNet-18 for 32x32 pictures, batch 128, whole training step:',
      '',
      table(
        heading,
        rows.map((row) => cells(row, rows)),
      ),
      '',
      `The loader alone (crop, flip, rotation, normalisation; one worker) delivers ${loaderRate.toFixed(0)} ` +
        `pictures/s, ${(loaderRate / fastest).toFixed(1)} times what the fastest step above eats.${leftOutList(leftOut)}`,
    ].join('\n');
  },
};
