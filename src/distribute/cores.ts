// How many cores a rank may use. Launchers bind ranks to cores, each in its own way (Open MPI binds one or two ranks to
// a core each unless told otherwise, Slurm to what was asked for); what counts is which cores the system lets a rank
// use, and how many other ranks of the same machine may use them too.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/** The cores that a rank may use, by number, and the machine that they are of. */
export interface OwnCores {
  readonly host: string;
  readonly cores: readonly number[];
}

/** The cores that this process may use; where the system does not tell, the first ones. */
export function coresOfProcess(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (list !== undefined) return parseCoreList(list);
  } catch {
    // Only Linux has it.
  }
  return Array.from({ length: availableParallelism() }, (_, core) => core);
}

/** `0-3,8` as [0, 1, 2, 3, 8]. */
export function parseCoreList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?];
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** The whole cores of a rank, at least one, and a sentence where it was bound to fewer than its part of the machine. */
export function shareOfCores(
  all: readonly OwnCores[],
  rank: number,
  machine = cpus().length,
): { cores: number; note?: string } {
  const own = all[rank] as OwnCores;
  const here = all.filter(({ host }) => host === own.host);
  const users = (core: number): number => here.filter(({ cores }) => cores.includes(core)).length;
  const share = own.cores.reduce((sum, core) => sum + 1 / users(core), 0);
  // A sum of thirds is a little less than a whole.
  const cores = Math.max(1, Math.floor(share + 1e-9));
  const fair = Math.floor(machine / here.length);
  if (cores >= fair) return { cores };
  const note =
    `The launcher lets this rank use ${cores} of ${machine} cores, although ${here.length} ` +
    `${here.length === 1 ? 'rank runs' : 'ranks run'} on this machine: --bind-to none (Open MPI, MPICH) or ` +
    '--cpus-per-task (Slurm) gives it more.';
  return { cores, note };
}
