// A process that is stopped (Ctrl-Z, SIGSTOP, a batch system that makes room) and goes on later has not trained in
// between. The clock does not know that, so the gap is measured here and reported when SIGCONT tells of it.

const tickMs = 250;

/**
 * Calls `onPause` with the seconds that the process was stopped for, to within a tick and the work under way, each time
 * it goes on. Gives a function that ends the listening. Does not keep the process alive.
 */
export function listenForPauses(
  onPause: (seconds: number) => void,
  now: () => number = () => performance.now() / 1000,
): () => void {
  let seen = now();
  let gap = 0;
  const tick = (): void => {
    gap = now() - seen;
    seen = now();
  };
  // The signal may be handled before the timer that was due in the meantime, or after it.
  const onContinue = (): void => {
    const seconds = Math.max(gap, now() - seen) - tickMs / 1000;
    gap = 0;
    seen = now();
    if (seconds > 0) onPause(seconds);
  };
  const timer = setInterval(tick, tickMs).unref();
  process.on('SIGCONT', onContinue);
  return () => {
    clearInterval(timer);
    process.off('SIGCONT', onContinue);
  };
}
