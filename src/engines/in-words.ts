// An engine as reports, figures and benchmarks name it.
import type { EngineDescription } from './engine.ts';

/** `oneDNN 2.6.3, AVX-512, 2 threads`. */
export function engineInWords({ library, name, isa, threads }: EngineDescription): string {
  return [library ?? name, isa, threadsInWords(threads)].filter(Boolean).join(', ');
}

/** `1 thread`, `2 threads`. */
export function threadsInWords(threads: number): string {
  return `${threads} thread${threads === 1 ? '' : 's'}`;
}
