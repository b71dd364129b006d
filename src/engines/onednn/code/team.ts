// Generated machine code that runs on the threads of OpenMP: on the same team that the library's own kernels run on, as
// long as the calling thread is the same.
import { openForeign } from '../../../foreign.ts';

/** Where code finds which thread it runs on, and who starts it on all of them. */
export interface Team {
  /** Addresses of `int f()`. */
  readonly threadNumber: bigint;
  readonly threadCount: bigint;
  /** Address of `void f(code, argument, 0, 0)`, which does what `run` does. */
  readonly start: bigint;
  /** How many threads will run what is made now. */
  size(): number;
  /** Runs a function of one pointer on every thread and waits for all of them. */
  run(code: bigint, argument: BigUint64Array): void;
}

let found: Team | null | undefined;

/** Undefined where OpenMP is not GNU's, or the CPU not x86-64, or the system not Linux. */
export function openTeam(): Team | undefined {
  found ??= makeTeam() ?? null;
  return found ?? undefined;
}

function makeTeam(): Team | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const openMp = openForeign(['libgomp.so.1']);
  const threadNumber = openMp?.symbol('omp_get_thread_num');
  const threadCount = openMp?.symbol('omp_get_num_threads');
  const start = openMp?.symbol('GOMP_parallel');
  if (openMp === undefined || threadNumber === undefined || threadCount === undefined || start === undefined)
    return undefined;
  const parallel = openMp.call('GOMP_parallel', 'v(ppuu)');
  const mostThreads = openMp.call('omp_get_max_threads', 'i()');
  return {
    threadNumber,
    threadCount,
    start,
    size: () => mostThreads(),
    run(code, argument) {
      parallel(code, argument, 0, 0);
    },
  };
}
