// The machine and its versions, as every table states them.
import { cpus, totalmem } from 'node:os';

export function describeMachine(): string {
  const [first] = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores of ${first?.model.trim() ?? 'an unknown CPU'}, ${gib} GiB, Node ${process.versions.node}`;
}
