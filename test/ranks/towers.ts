// A rank of AlexNet in two towers on pictures made of numbers, through the programs that a training has: some steps, then
// losses, and every state as one process has it in a file. Alone it is the one process of two groups that they are held
// against.
//   towers.ts FILE FORM SIZE BATCH STEPS RATE [f64] [clip] [accumulate] [average] [bf16] [threads2]
import { hash32 } from '../../src/data/random.ts';
import { launchOf } from '../../src/distribute/mpi/library.ts';
import { alone, joinRanks } from '../../src/distribute/ranks.ts';
import { towersOf } from '../../src/distribute/towers/towers.ts';
import { chooseEngine } from '../../src/engines/choose.ts';
import { findNetwork } from '../../src/nets/index.ts';
import type { Form } from '../../src/nets/network.ts';
import { compilePrograms } from '../../src/train/programs.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

const [file = '', form = 'cifar', sizeText, batchText, stepsText, rate, ...flags] = process.argv.slice(2);
const [size, batch, steps] = [sizeText, batchText, stepsText].map(Number) as [number, number, number];
const classes = 11;
const ranks = launchOf() === undefined ? alone : joinRanks({ wire: flags.includes('bf16') ? 'bf16' : 'f32' });
const exact = flags.includes('f64');
const { engine } = chooseEngine(exact ? 'reference' : 'auto', {
  threads: flags.includes('threads2') ? 2 : 1,
});
const accumulate = flags.includes('accumulate') ? 2 : 1;
const programs = compilePrograms({
  engine,
  dtype: exact ? 'f64' : 'f32',
  seed: 3,
  description: findNetwork('alexnet'),
  build: {
    ...{ form: form as Form, classes, channels: 3, height: size, width: size, batch },
    options: { groups: 2, fc: form === 'cifar' ? 2048 : 4096 },
  },
  step: {
    optimizer: {
      ...{ momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true },
      ...(flags.includes('clip') && { clipNorm: 0.5 }),
    },
    accumulate,
    average: flags.includes('average'),
    labelSmoothing: 0.1,
  },
  ranks,
  ...(ranks.size > 1 && { towers: towersOf(ranks) }),
});

const pixels = 3 * size * size;
const losses: number[] = [];
const norms: (number | undefined)[] = [];
for (let step = 0; step < steps; step++) {
  const images = new Float32Array(batch * pixels);
  const labels = new Int32Array(batch);
  for (let i = 0; i < batch; i++) {
    labels[i] = hash32(step, i, 1) % classes;
    for (let p = 0; p < pixels; p++) {
      const noise = hash32(hash32(step, i, 2), p, 3) / 2 ** 31 - 1;
      images[i * pixels + p] = noise + Math.sin(((labels[i] as number) + 1) * p * 0.01);
    }
  }
  const extras = { microStep: step % accumulate, averageShare: 0.1 };
  const { loss, gradientNorm } = programs.step(images, labels, Number(rate), step, extras);
  losses.push(loss);
  norms.push(gradientNorm);
}
programs.settle();
if (ranks.leads) {
  writeSafetensors(file, new Map([...programs.tensors('weights'), ...programs.tensors('optimizer')]));
  console.log(JSON.stringify({ losses, norms, traffic: ranks.exchange?.traffic() }));
}
ranks.leave();
