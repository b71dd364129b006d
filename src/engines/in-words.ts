// An engine as reports, figures and benchmarks name it.
import { plural } from '../plural.ts';
import type { EngineDescription } from './engine.ts';

/** `oneDNN 2.6.3, AVX-512, 2 threads`. */
export function engineInWords({ library, name, isa, threads }: EngineDescription): string {
  return [library ?? name, isa, plural(threads, 'thread')].filter(Boolean).join(', ');
}
