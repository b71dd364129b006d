// MPICH's launcher talks to each rank over a socket that it leaves open under the number in PMI_FD. Node hands its children
// the first three descriptors and no others, so that npx between launcher and rank keeps the socket to itself. Linux lets
// a process of the same user fetch it (pidfd_getfd, since 5.6), unless ptrace is restricted to descendants.
import { closeSync, fstatSync, readFileSync, readlinkSync } from 'node:fs';
import { UserError } from '../../errors.ts';
import { processSymbols } from '../../foreign.ts';

const pidfdOpen = 434;
const pidfdGetfd = 438;

/** Sees to it that the launcher's socket is open in this process. Throws a UserError where it is out of reach. */
export function openLine(environment: NodeJS.ProcessEnv = process.env): void {
  const text = environment.PMI_FD;
  if (text === undefined || isSocket(Number(text))) return;
  const holder = ancestors().find((pid) => holds(pid, text));
  const fetched = holder === undefined ? -1 : fetch(holder, Number(text));
  if (fetched < 0) {
    throw new UserError(
      `MPICH's launcher left this rank a socket (PMI_FD=${text}) that did not come through: npx, and whatever else starts ` +
        'Node, keeps it. Start the command itself under the launcher: node_modules/.bin/laurel instead of npx laurel.',
      { exitCode: 2 },
    );
  }
  environment.PMI_FD = `${fetched}`;
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

/** The process that started this one, and so on. */
function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1; pid = parentOf(pid)) found.push(pid);
  return found;
}

function parentOf(pid: number): number {
  try {
    // pid (name) state parent; a name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** Whether a process was told of the same socket and has it open. The launcher's own descriptors have other meanings. */
function holds(pid: number, descriptor: string): boolean {
  try {
    const told = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return (
      told.includes(`PMI_FD=${descriptor}`) &&
      readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('socket:')
    );
  } catch {
    return false;
  }
}

/** The number in this process of what another has open; negative where the system refuses. */
function fetch(pid: number, descriptor: number): number {
  const syscall = processSymbols().call('syscall', 'l(llll)');
  const handle = Number(syscall(pidfdOpen, pid, 0, 0));
  if (handle < 0) return -1;
  try {
    return Number(syscall(pidfdGetfd, handle, descriptor, 0));
  } finally {
    closeSync(handle);
  }
}
