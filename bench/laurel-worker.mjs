// Starts laurel-worker.ts as `bin/laurel.mjs` starts the command: with compiled code that is kept between runs.
import module from 'node:module';

module.enableCompileCache?.();
await import('./laurel-worker.ts');
