// One rank of a training, or the one process that it is held against: node bench/ranks-worker.ts NET FORM BATCH DTYPE THREADS
// Rank 0 answers a line N with the durations of N steps. A line 0 gets what the sums of the gradients cost in some more
// steps, in which ranks call a roll behind the backward pass (means over steps and ranks, ms): a step, what of it was
// waited for a later rank, for the gradients once all had arrived, and for the loss; those of the same sums made by
// themselves; and megabytes of a step.
import { createInterface } from 'node:readline';
import { alone, joinRanks } from '../src/distribute/ranks.ts';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { uniforms } from '../src/graph/random.ts';
import { median } from '../src/median.ts';
import { findNetwork } from '../src/nets/index.ts';
import type { Form } from '../src/nets/network.ts';
import { compilePrograms } from '../src/train/programs.ts';

const [name, form, batchText, dtype, threads] = process.argv.slice(2) as [
  ...[string, Form, string],
  ...[ComputeType, string],
];
const batch = Number(batchText);
const ranks = process.argv[7] === 'alone' ? alone : joinRanks();
const { engine } = chooseEngine('onednn', { threads: Number(threads) });
const { count } = ranks.part(batch);
const size = 32;
const classes = 100;
const programs = compilePrograms({
  engine,
  dtype,
  seed: 1,
  description: findNetwork(name),
  build: { form, classes, channels: 3, height: size, width: size, batch },
  step: { optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true } },
  ranks,
});
const images = Float32Array.from(uniforms(1, ranks.rank, count * 3 * size * size), (u) => 2 * u - 1);
const labels = Int32Array.from(uniforms(2, ranks.rank, count), (u) => Math.floor(u * classes));
let lossMs = 0;
const step = (): number => {
  const before = performance.now();
  const { loss, top1, top5 } = programs.step(images, labels, 0.01, 1, { whole: batch });
  const computed = performance.now();
  ranks.sum(loss * count, top1, top5, 0);
  lossMs += performance.now() - computed;
  return performance.now() - before;
};
for (let i = 0; i < 2; i++) step();

/** Milliseconds of a sum of as many bytes, in buckets of the usual size, with nothing else to do. */
function sumsAlone(bytes: number): number {
  if (ranks.exchange === undefined) return 0;
  const bucket = 2 ** 20;
  const buckets = Array.from({ length: Math.ceil(bytes / 4 / bucket) }, () => new Float32Array(bucket));
  const times = Array.from({ length: 9 }, () => {
    ranks.sum(0);
    const before = performance.now();
    for (const [i, numbers] of buckets.entries()) ranks.exchange?.start(`${i}`, numbers);
    for (const i of buckets.keys()) ranks.exchange?.finish(`${i}`);
    return performance.now() - before;
  });
  return median(times);
}

const lookedAt = 3;

function costs(): number[] {
  const { exchange } = ranks;
  if (exchange === undefined) return [0, 0, 0, 0, 0, 0];
  exchange.callRolls(true);
  lossMs = 0;
  let bytes = 0;
  const taken = Array.from({ length: lookedAt }, () => {
    exchange.resetTraffic();
    const stepMs = step();
    const { lateMs, waitedMs, ...traffic } = exchange.traffic();
    bytes = traffic.bytes;
    return { stepMs, lateMs, waitedMs };
  });
  exchange.callRolls(false);
  const all = ranks.gather(taken);
  // The last one to call waits for no rank: what the roll takes it is the wire's.
  const rollMs = taken.map((_, i) => Math.min(...all.map((steps) => steps[i]?.lateMs ?? 0)));
  const mean = (values: readonly number[]): number => values.reduce((sum, ms) => sum + ms, 0) / values.length;
  const every = all.flat();
  const roll = mean(rollMs);
  return [
    mean(every.map(({ stepMs }) => stepMs)),
    mean(every.map(({ lateMs }) => lateMs)) - roll,
    mean(every.map(({ waitedMs }) => waitedMs)) + roll,
    (ranks.sum(lossMs)[0] as number) / ranks.size / lookedAt,
    sumsAlone(bytes),
    bytes / 1e6,
  ];
}

function answer(request: number): number[] {
  return request === 0 ? costs() : Array.from({ length: request }, step);
}

if (ranks.leads) {
  console.log(JSON.stringify({ ...engine.describe(), mpi: ranks.mpi ?? '' }));
  for await (const line of createInterface({ input: process.stdin })) {
    ranks.patiently(() => ranks.told(() => Number(line)));
    console.log(JSON.stringify(answer(Number(line))));
  }
  ranks.told(() => -1);
} else {
  for (;;) {
    const request = ranks.patiently(() => ranks.told(() => 0));
    if (request < 0) break;
    answer(request);
  }
}
ranks.leave();
