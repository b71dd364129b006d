// Verbs that take a while: a status line while they work, and a Ctrl-C that ends them in good order.
import { listenForInterrupt } from './interrupt.ts';
import { note, printResult } from './output.ts';
import { type StatusLine, statusLine } from './status.ts';

/** A status line, and a signal that Ctrl-C fires. */
export interface Watch {
  readonly status: StatusLine;
  readonly signal: AbortSignal;
}

interface StoppableOptions {
  readonly json?: boolean | undefined;
  /** Whether what was gone through before a stop is kept, so that the same command goes on from there. */
  readonly kept?: boolean;
}

/** Runs a verb to its result and prints it, or to the Ctrl-C that ends it. */
export async function runStoppable<T extends object>(
  { json, kept = false }: StoppableOptions,
  run: (watch: Watch) => Promise<T>,
  describe: (result: T) => string,
): Promise<void> {
  const status = statusLine();
  const interruption = listenForInterrupt(() =>
    status.note(kept ? 'Stopping; what was gone through is kept. Ctrl-C again stops at once.' : 'Stopping.'),
  );
  try {
    const result = await run({ status, signal: interruption.signal });
    status.clear();
    printResult(json, result, () => describe(result));
  } catch (error) {
    status.clear();
    const exitCode = interruption.exitCode();
    if (exitCode === undefined || (error as Error).name !== 'AbortError') throw error;
    if (kept) note('Stopped. The same command goes on from there.');
    process.exitCode = exitCode;
  } finally {
    interruption.release();
  }
}
