// A rank that measures the wire: a sum of one number (latency) and of 64 MiB (bandwidth), f32; rank 0 prints both as JSON
// in the terms of src/distribute/scaling-model.ts, which for two ranks are t = 2 alpha + bytes / beta.
import { joinGroup } from '../../src/distribute/group.ts';

const group = joinGroup();
if (group.size !== 2) throw new Error(`measure-rank.ts got ${group.size} ranks, expected 2.`);

function medianSeconds(numbers: Float32Array, times: number): number {
  const taken = Array.from({ length: times }, () => {
    group.sum(new Float32Array(1));
    const before = performance.now();
    group.sum(numbers);
    return (performance.now() - before) / 1000;
  });
  return taken.sort((a, b) => a - b)[times >> 1] as number;
}

const bytes = 64 * 2 ** 20;
const small = medianSeconds(new Float32Array(1), 2001);
const large = medianSeconds(new Float32Array(bytes / 4), 15);
if (group.rank === 0) {
  const alphaMicroseconds = (1e6 * small) / 2;
  const gigabitsPerSecond = (8 * bytes) / (large - small) / 1e9;
  console.log(JSON.stringify({ mpi: group.version, alphaMicroseconds, gigabitsPerSecond }));
}
group.finalize();
