// A contender whose step is a whole process: node bench/command-worker.ts CMD ARG... Its facts hold what the first run
// printed.
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';

const [command = '', ...args] = process.argv.slice(2);
const run = (): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 });
const output = run();
console.log(JSON.stringify({ output }));
for await (const line of createInterface({ input: process.stdin })) {
  const times = Array.from({ length: Number(line) }, () => {
    const before = performance.now();
    run();
    return performance.now() - before;
  });
  console.log(JSON.stringify(times));
}
