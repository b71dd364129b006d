// What a rank says just before it aborts can be lost: launchers read the rank's pipe and its wish to abort side by side,
// and MPICH's, once it ends the ranks, no longer looks at their pipes. So a rank waits until its words have been read.
import { processSymbols } from '../../foreign.ts';

const standardError = 2;
/** ioctl: how many bytes of a pipe nobody has read yet. Linux's number. */
const FIONREAD = 0x541b;

/** How long a launcher may take that does not read at all. */
const mostMs = 3000;
const lookMs = 5;
/** What has been read still has to be passed on. */
const passOnMs = 100;

const bed = new Int32Array(new SharedArrayBuffer(4));
const nap = (ms: number): void => {
  Atomics.wait(bed, 0, 0, ms);
};

/** Waits until the launcher has read what this process wrote to standard error; at most 3 s. */
export function untilHeard(unread: () => number = unreadBytes): void {
  for (let waited = 0; waited < mostMs && unread() > 0; waited += lookMs) nap(lookMs);
  nap(passOnMs);
}

/** Bytes that wait in the pipe of standard error; 0 where it is no pipe, or the system does not tell. */
function unreadBytes(): number {
  if (process.platform !== 'linux') return 0;
  const bytes = new Int32Array(1);
  return processSymbols().call('ioctl', 'i(ilp)')(standardError, FIONREAD, bytes) === 0
    ? (bytes[0] as number)
    : 0;
}
