// Generated machine code that runs on the threads of OpenMP: on the same team that the library's own kernels run on, as
// long as the calling thread is the same.
import { openForeign, processSymbols } from '../../../foreign.ts';
import type { Library } from '../library.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const page = 4096;

/** Where code finds which thread it runs on, and who starts it on all of them. */
export interface Team {
  /** Addresses of `int f()`. */
  readonly threadNumber: bigint;
  readonly threadCount: bigint;
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
  if (openMp === undefined || threadNumber === undefined || threadCount === undefined) return undefined;
  const parallel = openMp.call('GOMP_parallel', 'v(ppuu)');
  return {
    threadNumber,
    threadCount,
    run(code, argument) {
      parallel(code, argument, 0, 0);
    },
  };
}

/** Memory that holds code, written before it may be run; undefined where the system does not allow any. */
export function placeCode(library: Library, code: Uint8Array): { address: bigint; free(): void } | undefined {
  const { call } = processSymbols();
  const bytes = Math.ceil(code.length / page) * page;
  const made = call('mmap', 'p(pziiil)')(
    null,
    bytes,
    PROT_READ | PROT_WRITE,
    MAP_PRIVATE | MAP_ANONYMOUS,
    -1,
    0,
  );
  const address = BigInt(made ?? 0);
  if (address === 0n || BigInt.asIntN(64, address) === -1n) return undefined;
  const free = (): void => {
    call('munmap', 'i(pz)')(address, bytes);
  };
  library.view(address, code.length).set(code);
  if (call('mprotect', 'i(pzi)')(address, bytes, PROT_READ | PROT_EXEC) === 0) return { address, free };
  free();
  return undefined;
}
