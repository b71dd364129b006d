// Ctrl-C, a request to terminate and a terminal that goes away: the first signal asks the work to save and stop, a
// second one stops at once. npm and the launcher hand on a Ctrl-C that the terminal has sent to every process already,
// so signals that arrive together are one.
import { constants } from 'node:os';

export interface Interruption {
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 0 after SIGUSR2; undefined while nobody has asked to stop. */
  exitCode(): number | undefined;
  /** Back to the system's own handling. */
  release(): void;
}

const togetherMs = 500;
type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR2';
const usual: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Starts to listen; `onStop` is called once, at the first request. A rank also hears SIGUSR2, which is how a launcher
 * asks it to stop: the launcher, who then ends with a code of its own, takes every code but 0 for a failure.
 */
export function listenForInterrupt(onStop: () => void, isRank = false): Interruption {
  const signals: readonly Signal[] = isRank ? [...usual, 'SIGUSR2'] : usual;
  const controller = new AbortController();
  let exitCode: number | undefined;
  let firstAt = 0;
  const release = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (name: Signal): void => {
    if (exitCode === undefined) {
      exitCode = name === 'SIGUSR2' ? 0 : 128 + constants.signals[name];
      firstAt = performance.now();
      // From then on the system ends the process by itself, in the middle of a long step too.
      setTimeout(release, togetherMs).unref();
      onStop();
      controller.abort();
    } else if (performance.now() - firstAt > togetherMs) {
      process.exit(exitCode);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
  // Words to a terminal that is gone are lost; the work behind them is not to be.
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore);
  return { signal: controller.signal, exitCode: () => exitCode, release };
}

function ignore(): void {}
