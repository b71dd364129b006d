// Verbs that take a while: a status line while they work, and a Ctrl-C that ends them in good order.
import type { Ranks } from '../distribute/ranks.ts';
import { listenForInterrupt } from './interrupt.ts';
import { note, printResult } from './output.ts';
import { noStatusLine, type StatusLine, statusLine } from './status.ts';

/** A status line, and a signal that Ctrl-C fires. */
export interface Watch {
  readonly status: StatusLine;
  readonly signal: AbortSignal;
}

interface StoppableOptions {
  readonly json?: boolean | undefined;
  /** Whether what was gone through before a stop is kept, so that the same command goes on from there. */
  readonly kept?: boolean;
  /** Who does it together; rank 0 speaks. */
  readonly ranks?: Ranks | undefined;
}

/** Runs a verb to its result, if this rank has one, and prints it, or to the Ctrl-C that ends it. */
export async function runStoppable<T extends object>(
  { json, kept = false, ranks }: StoppableOptions,
  run: (watch: Watch) => Promise<T | undefined>,
  describe: (result: T) => string,
): Promise<void> {
  const [several, leads] = [(ranks?.size ?? 1) > 1, ranks?.leads ?? true];
  const status = leads ? statusLine() : noStatusLine;
  const interruption = listenForInterrupt(
    () =>
      status.note(
        kept ? 'Stopping; what was gone through is kept. Ctrl-C again stops at once.' : 'Stopping.',
      ),
    several,
  );
  try {
    const result = await run({ status, signal: interruption.signal });
    status.clear();
    if (result !== undefined) printResult(json, result, () => describe(result));
  } catch (error) {
    status.clear();
    // Of several ranks all stop where one was asked to.
    const exitCode = interruption.exitCode() ?? (several ? 0 : undefined);
    if (exitCode === undefined || (error as Error).name !== 'AbortError') throw error;
    if (kept && leads) note('Stopped. The same command goes on from there.');
    process.exitCode = exitCode;
  } finally {
    interruption.release();
  }
}
