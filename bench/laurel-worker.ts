// Our side of a comparison: node bench/laurel-worker.mjs NET FORM BATCH DTYPE [train|infer] [--side PX] [--threads N].
// Training is the whole step of PyTorch's worker: weight decay on every weight, Nesterov momentum, label smoothing.
import module from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { markOutput } from '../src/graph/graph.ts';
import { uniform, uniforms } from '../src/graph/random.ts';
import { foldGraph } from '../src/graph/rewrite/fold-batch-norm.ts';
import { elementCount } from '../src/graph/tensor.ts';
import { findNetwork } from '../src/nets/index.ts';
import { dropoutSeedInput } from '../src/nets/layers.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';
import { buildTrainingStep } from '../src/train/step.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { side: { type: 'string' }, threads: { type: 'string' } },
});
const [name, form, batchText, dtype, what = 'train'] = positionals as [
  string,
  Form,
  string,
  ComputeType,
  string?,
];
const batch = Number(batchText);
const { side, threads } = values;
const { engine } = chooseEngine('onednn', threads === undefined ? {} : { threads: Number(threads) });
const training = what === 'train';
const size = side === undefined ? {} : { height: Number(side), width: Number(side) };
const network = buildNetwork(findNetwork(name), { form, batch, training, ...size });
if (training) {
  buildTrainingStep(network, {
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true },
    labelSmoothing: 0.1,
  });
} else markOutput('logits', network.logits);
// As `laurel classify` does.
const graph = training ? network.graph : foldGraph(network.graph).graph;
const program = engine.compile(graph, { dtype, seed: 1, autotune: 'on' });
// In place, for the memory counts.
const images = new Float32Array(elementCount(network.images.shape));
for (let i = 0; i < images.length; i++) images[i] = 2 * uniform(1, 1, i) - 1;
const feeds = {
  images,
  ...(training && {
    labels: Int32Array.from(uniforms(1, 2, batch), (u) => Math.floor(u * network.classes)),
    learningRate: Float32Array.of(0.001),
    ...(network.graph.inputs.has(dropoutSeedInput) && { [dropoutSeedInput]: Int32Array.of(1) }),
  }),
};
const step = (): number => {
  const before = performance.now();
  program.run(feeds);
  return performance.now() - before;
};
step();
const warmMs = step();
const { engine: description, compileMs, arenaBytes, stateBytes } = program.report();
// Workers are ended by a signal, which leaves no time for it.
module.flushCompileCache?.();
const mebibytes = (bytes: number): number => bytes / 2 ** 20;
console.log(
  JSON.stringify({
    ...description,
    warmMs,
    compileMs,
    arenaMiB: mebibytes(arenaBytes),
    stateMiB: mebibytes(stateBytes),
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(Array.from({ length: Number(line) }, step)));
}
