// Whole training steps (forward, backward, SGD with Nesterov momentum) of ResNet-18 on 32x32 pictures at batch 128,
// ours against PyTorch's. PyTorch runs in both memory layouts, and the better one is the rival. Contenders that
// cannot run here (no PyTorch, no bf16 on this CPU) are left out and said so.
import { chooseEngine } from '../src/engines/choose.ts';
import { alternate, type Contender, startContender } from './contender.ts';

const net = 'resnet18';
const form = 'cifar';
const batch = 128;

export interface TrainingRow {
  readonly contender: string;
  readonly dtype: 'f32' | 'bf16';
  readonly msPerStep: number;
  readonly imagesPerSecond: number;
  readonly peakMiB: number;
  readonly facts: Record<string, unknown>;
}

export interface TrainingComparison {
  readonly rows: readonly TrainingRow[];
  readonly leftOut: readonly string[];
}

export async function compareTraining(options: {
  rounds: number;
  steps: number;
  python: string;
  log(line: string): void;
}): Promise<TrainingComparison> {
  const { rounds, steps, python, log } = options;
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
