// Our side of a comparison: node bench/laurel-worker.ts NET FORM BATCH DTYPE
import { createInterface } from 'node:readline';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { uniforms } from '../src/graph/random.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';
import { buildTrainingStep } from '../src/train/step.ts';

const [name, form, batchText, dtype] = process.argv.slice(2) as [string, Form, string, ComputeType];
const batch = Number(batchText);
const { engine } = chooseEngine('onednn');
const network = buildNetwork(findNetwork(name), { form, batch, training: true });
buildTrainingStep(network, {
  optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true },
  labelSmoothing: 0.1,
});
const program = engine.compile(network.graph, { dtype, seed: 1 });
const pictures = network.images.shape.reduce((product, size) => product * size, 1);
const feeds = {
  images: Float32Array.from(uniforms(1, 1, pictures), (u) => 2 * u - 1),
  labels: Int32Array.from(uniforms(1, 2, batch), (u) => Math.floor(u * network.classes)),
  learningRate: Float32Array.of(0.01),
};
const step = (): number => {
  const before = performance.now();
  program.run(feeds);
  return performance.now() - before;
};
for (let i = 0; i < 3; i++) step();
const { compileMs, arenaBytes, stateBytes } = program.report();
const mebibytes = (bytes: number): number => bytes / 2 ** 20;
console.log(
  JSON.stringify({
    ...engine.describe(),
    compileMs,
    arenaMiB: mebibytes(arenaBytes),
    stateMiB: mebibytes(stateBytes),
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(Array.from({ length: Number(line) }, step)));
}
