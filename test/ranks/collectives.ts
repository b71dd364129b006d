// A rank that tries every function of the group and prints what it got, on a line of JSON.
import { joinGroup } from '../../src/distribute/group.ts';

const group = joinGroup();
const { rank, size } = group;
const sum = Float32Array.from({ length: 1000 }, (_, i) => i + rank);
group.sum(sum);
const shared = new Uint8Array(5).fill(rank + 1);
group.broadcast(shared, size - 1);
const gathered = new Float64Array(size);
group.wait(group.startAllGather(Float64Array.of(10 * rank), gathered), 'gathering');
const parts = Int32Array.from({ length: 2 * size }, (_, i) => 100 * rank + i);
const exchanged = new Int32Array(2 * size);
group.wait(group.startAllToAll(parts, exchanged), 'exchanging');
const next = new Float32Array(3);
const transfers = [
  group.startReceive(next, (rank + size - 1) % size, 5),
  group.startSend(Float32Array.of(rank, rank, rank), (rank + 1) % size, 5),
];
for (const transfer of transfers) group.wait(transfer, 'passing on');
const texts = group.gatherTexts(`rank ${rank}${'!'.repeat(rank)}`);
const { version, localRank, localSize } = group;
const result = {
  ...{ version, rank, size, localRank, localSize, texts },
  sum: [sum[0], sum[999]],
  shared: [...shared],
  gathered: [...gathered],
  exchanged: [...exchanged],
  next: [...next],
};
process.stdout.write(`${JSON.stringify(result)}\n`);
group.finalize();
