// Native kernels may use memory of ours as their stack: the AVX matrix product of oneDNN 2 (jit_avx_gemm_f32) points the
// stack register into its workspace. A signal that arrives there (Ctrl-C, a resized terminal, the profiler's clock)
// writes its frame below, over whatever numbers lie there, or over the allocator's own. So signals wait while native
// code runs. Those sent to the process go to another thread meanwhile; OpenMP's threads inherit the shield, because
// the first native call starts them.
import { type NativeFunction, processSymbols } from '../../foreign.ts';

/** Runs `work` with every signal held back from this thread. */
export type Shield = <T>(work: () => T) => T;

const SIG_SETMASK = 2;
/** Of sigset_t in the C libraries of Linux. */
const setBytes = 128;

let made: Shield | undefined;

/** The shield of this thread; elsewhere than on Linux none is needed or known. */
export function signalShield(): Shield {
  made ??= process.platform === 'linux' ? linuxShield() : (work) => work();
  return made;
}

function linuxShield(): Shield {
  const { call } = processSymbols();
  const mask: NativeFunction = call('pthread_sigmask', 'i(ipp)');
  const all = new Uint8Array(setBytes);
  const before = new Uint8Array(setBytes);
  call('sigfillset', 'i(p)')(all);
  let depth = 0;
  return (work) => {
    if (depth === 0) mask(SIG_SETMASK, all, before);
    depth++;
    try {
      return work();
    } finally {
      depth--;
      if (depth === 0) mask(SIG_SETMASK, before, null);
    }
  };
}
