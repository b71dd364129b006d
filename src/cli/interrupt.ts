// Ctrl-C: the first one asks the work to save and stop, a second one stops at once. npm and the launcher hand
// on a Ctrl-C that the terminal has sent to every process already, so signals that arrive together are one.
import { constants } from 'node:os';

export interface Interruption {
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, 143 after a termination request; undefined while nobody has asked to stop. */
  exitCode(): number | undefined;
  /** Back to the system's own handling. */
  release(): void;
}

const togetherMs = 500;

/** Starts to listen; `onStop` is called once, at the first request. */
export function listenForInterrupt(onStop: () => void): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let firstAt = 0;
  const onSignal = (name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    if (exitCode === undefined) {
      exitCode = 128 + constants.signals[name];
      firstAt = performance.now();
      onStop();
      controller.abort();
    } else if (performance.now() - firstAt > togetherMs) {
      process.exit(exitCode);
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
