// Ranks that sum together, one of which fails to: `die` ends it, `hang` keeps it busy with something else.
import { joinGroup } from '../../src/distribute/group.ts';

const [, , how] = process.argv;
const group = joinGroup({ patienceSeconds: 1 });
group.sum(new Float32Array(10));
if (group.rank === 1 && how === 'die') process.kill(process.pid, 'SIGKILL');
if (group.rank === 1 && how === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
try {
  group.sum(new Float32Array(10));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  group.abort(3);
}
