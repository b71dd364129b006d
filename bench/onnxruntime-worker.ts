// onnxruntime's side of a comparison: node bench/onnxruntime-worker.ts FILE.onnx THREADS. The file's batch is fixed, and
// all of onnxruntime's graph optimisations are on.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { uniforms } from '../src/graph/random.ts';

const [path = '', threads = '0'] = process.argv.slice(2);
const session = await InferenceSession.create(path, {
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
});
const [port] = session.inputMetadata;
if (port === undefined || !port.isTensor) throw new Error(`${path} has no input that is a tensor.`);
const shape = port.shape as number[];
const count = shape.reduce((product, size) => product * size, 1);
const feeds = {
  [port.name]: new Tensor(
    'float32',
    Float32Array.from(uniforms(1, 1, count), (u) => 2 * u - 1),
    shape,
  ),
};
const step = async (): Promise<number> => {
  const before = performance.now();
  await session.run(feeds);
  return performance.now() - before;
};
await step();
const warmMs = await step();
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8'),
);
console.log(JSON.stringify({ library: `onnxruntime-node ${version}`, threads: Number(threads), warmMs }));
for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  for (let i = 0; i < Number(line); i++) times.push(await step());
  console.log(JSON.stringify(times));
}
