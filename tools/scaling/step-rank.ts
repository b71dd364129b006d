// A rank that measures a step on its part of a batch: with the sum of the gradients over the ranks, and without it while
// the other rank is as busy, so that what the ranks share of the machine (memory, heat) is in both.
//   step-rank.ts NETWORK FORM SIZE PICTURES ROUNDS
// Rank 0 prints the medians in seconds, the later rank's counting, and the bytes of a step.
import { alone, joinRanks } from '../../src/distribute/ranks.ts';
import { chooseEngine } from '../../src/engines/choose.ts';
import { uniforms } from '../../src/graph/random.ts';
import { findNetwork } from '../../src/nets/index.ts';
import type { Form } from '../../src/nets/network.ts';
import { compilePrograms } from '../../src/train/programs.ts';

const [name = '', form = 'cifar', sizeText, picturesText, roundsText] = process.argv.slice(2);
const [size, pictures, rounds] = [sizeText, picturesText, roundsText].map(Number) as [number, number, number];
const ranks = joinRanks();
const { engine } = chooseEngine('onednn', { threads: 1 });
const classes = 100;

function steps(by: typeof ranks): () => void {
  const batch = pictures * by.size;
  const programs = compilePrograms({
    engine,
    dtype: 'f32',
    seed: 1,
    description: findNetwork(name),
    build: { form: form as Form, classes, channels: 3, height: size, width: size, batch },
    step: { optimizer: { momentum: 0.9, nesterov: false, weightDecay: 5e-4, decayBiasAndNorm: true } },
    ranks: by,
  });
  const images = Float32Array.from(uniforms(1, ranks.rank, pictures * 3 * size * size), (u) => 2 * u - 1);
  const labels = Int32Array.from(uniforms(2, ranks.rank, pictures), (u) => Math.floor(u * classes));
  return () => {
    programs.step(images, labels, 0.001, 1, { whole: batch });
  };
}

const [together, apart] = [steps(ranks), steps(alone)];

/** Seconds until the later rank is through, all having begun at once. */
function secondsOf(step: () => void): number {
  ranks.sum(0);
  const before = performance.now();
  step();
  return Math.max(...ranks.gather((performance.now() - before) / 1000));
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;
for (const step of [together, apart]) secondsOf(step);
ranks.exchange?.resetTraffic();
const times = Array.from({ length: rounds }, () => [secondsOf(apart), secondsOf(together)] as const);
const bytes = (ranks.exchange?.traffic().bytes ?? 0) / rounds;
if (ranks.leads) {
  const [apartSeconds, togetherSeconds] = [0, 1].map((which) =>
    median(times.map((time) => time[which] as number)),
  );
  console.log(JSON.stringify({ name, pictures, bytes, apartSeconds, togetherSeconds }));
}
ranks.leave();
