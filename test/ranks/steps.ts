// A rank of a training on pictures made of numbers: some steps of a network, then the losses and a few weights of every
// layer, as JSON from rank 0. Alone it is the one process that ranks are held against.
//   steps.ts NETWORK FORM BATCH STEPS RATE [sync] [bf16] [f64] [accumulate] [threads2]
// bf16: on the wire; f64: on the reference engine; accumulate: two steps make an update;
// threads2: two threads, where it is one otherwise

import { partOf } from '../../src/data/part.ts';
import { hash32 } from '../../src/data/random.ts';
import { createExchange, type Wire } from '../../src/distribute/exchange.ts';
import { joinGroup } from '../../src/distribute/group.ts';
import { launchOf } from '../../src/distribute/mpi/library.ts';
import { chooseEngine } from '../../src/engines/choose.ts';
import { findNetwork } from '../../src/nets/index.ts';
import { dropoutSeedInput } from '../../src/nets/layers.ts';
import { buildNetwork, type Form } from '../../src/nets/network.ts';
import {
  buildTrainingStep,
  isGathered,
  labelsInput,
  learningRateInput,
  microStepInput,
  rankShareInput,
  updateWeightInput,
} from '../../src/train/step.ts';

const [, , name = 'lenet', form = 'cifar', batchText = '8', stepsText = '10', rate = '0.01', ...flags] =
  process.argv;
const batch = Number(batchText);
const classes = 10;
const group = launchOf() === undefined ? undefined : joinGroup();
const wire: Wire = flags.includes('bf16') ? 'bf16' : 'f32';
const exchange = group && createExchange(group, wire);
const [rank, size] = [group?.rank ?? 0, group?.size ?? 1];
const { first, count } = partOf(batch, { rank, size });
/** Where there is no picture one is fed that does not count. */
const places = Math.max(1, count);

const network = buildNetwork(findNetwork(name), {
  form: form as Form,
  classes,
  batch: places,
  training: true,
  part: {
    firstPicture: first,
    idle: count === 0,
    ...(flags.includes('sync') && exchange && { synchronise: exchange }),
  },
});
const optimizer = { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true };
const accumulate = flags.includes('accumulate') ? 2 : 1;
buildTrainingStep(network, { optimizer, accumulate, ...(exchange && { exchange }) });
const exact = flags.includes('f64');
const { engine } = chooseEngine(exact ? 'reference' : 'auto', {
  threads: flags.includes('threads2') ? 2 : 1,
});
const program = engine.compile(network.graph, {
  seed: 3,
  dtype: exact ? 'f64' : 'f32',
  betweenSteps: exchange?.progress,
});

const pixels = network.images.shape.slice(1).reduce((a, b) => a * b, 1);
const losses: number[] = [];
for (let step = 0; step < Number(stepsText); step++) {
  const images = new Float32Array(places * pixels);
  const labels = new Int32Array(places).fill(-1);
  for (let i = 0; i < count; i++) {
    labels[i] = hash32(step, first + i, 1) % classes;
    for (let p = 0; p < pixels; p++) {
      const noise = hash32(hash32(step, first + i, 2), p, 3) / 2 ** 31 - 1;
      images[i * pixels + p] = noise + Math.sin(((labels[i] as number) + 1) * p * 0.01);
    }
  }
  const { loss } = program.run({
    images,
    [labelsInput]: labels,
    [learningRateInput]: Float32Array.of(Number(rate)),
    ...(network.graph.inputs.has(dropoutSeedInput) && { [dropoutSeedInput]: Int32Array.of(step) }),
    ...(accumulate > 1 && {
      [microStepInput]: Int32Array.of(step % accumulate),
      [updateWeightInput]: Float32Array.of(1),
    }),
    ...(exchange && { [rankShareInput]: Float32Array.of(count / batch) }),
  });
  const total = Float64Array.of(((loss?.[0] as number) * count) / batch);
  group?.sum(total);
  losses.push(total[0] as number);
}
if (rank === 0) {
  // What is gathered between two updates is each rank's own.
  const names = [...network.graph.states.keys()].filter((name) => !isGathered(name));
  const weights = names.map((key) => {
    const values = program.read(key);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    return [key, norm, [...values.subarray(0, 20)]];
  });
  process.stdout.write(`${JSON.stringify({ losses, weights, traffic: exchange?.traffic() })}\n`);
}
group?.finalize();
