// Starts a command as ranks on this machine, under the launcher of the MPI that is installed: Open MPI's or MPICH's.
// Signals go through: what asks this process to stop asks every rank, and the exit code is the ranks'. Open MPI's
// launcher hands SIGUSR2 on at once but kills the ranks soon after a SIGTERM; MPICH's hands SIGTERM on and dies of the
// other.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { UserError } from '../errors.ts';
import type { Implementation } from './mpi/dialect.ts';
import { installHint } from './mpi/library.ts';

export interface Launcher {
  readonly implementation: Implementation;
  readonly version: string;
  /** The command, found on the PATH. */
  readonly file: string;
}

const files = [
  'mpirun.openmpi',
  'mpirun',
  'mpiexec',
  'mpirun.mpich',
  'mpiexec.mpich',
  'mpiexec.hydra',
] as const;

/** The launchers of this machine, one of each MPI, Open MPI's first. */
export function findLaunchers(): Launcher[] {
  const found = new Map<Implementation, Launcher>();
  for (const file of files) {
    const { stdout, status } = spawnSync(file, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    const implementation = implementationOf(stdout);
    if (implementation === undefined || found.has(implementation)) continue;
    found.set(implementation, { implementation, version: /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? '', file });
  }
  return (['Open MPI', 'MPICH'] as const).flatMap((name) => found.get(name) ?? []);
}

function implementationOf(versionText: string): Implementation | undefined {
  if (/Open MPI|OpenRTE|PRRTE/i.test(versionText)) return 'Open MPI';
  return /HYDRA|MPICH|Intel\(R\) MPI/i.test(versionText) ? 'MPICH' : undefined;
}

/** The arguments of a launcher before the command. */
export function launcherFlags({ implementation, version }: Launcher, ranks: number): string[] {
  if (implementation === 'MPICH') return ['-n', `${ranks}`];
  return [
    ...(process.getuid?.() === 0 ? ['--allow-run-as-root'] : []),
    // Ranks share the cores among themselves, also where they are more than cores.
    '--oversubscribe',
    ...['--bind-to', 'none'],
    ...(version.startsWith('4.') ? ['--quiet'] : []),
    ...['-n', `${ranks}`],
  ];
}

/** How a launcher is asked to let its ranks save and stop. */
export function stopSignal({ implementation }: Launcher): 'SIGUSR2' | 'SIGTERM' {
  return implementation === 'MPICH' ? 'SIGTERM' : 'SIGUSR2';
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs this very command (or `command`) as `ranks` ranks and gives its exit code, that of the signal where one asked it
 * to stop. Throws a UserError where there is no MPI.
 */
export function runAsRanks(
  ranks: number,
  command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
  launcher = findLaunchers()[0],
): Promise<number> {
  if (launcher === undefined) {
    throw new UserError(`MPI is not installed, and it is what starts ranks. Install it:\n  ${installHint}`);
  }
  // A group of its own: the terminal's Ctrl-C would reach the launcher twice, and twice means at once.
  const child = spawn(launcher.file, [...launcherFlags(launcher, ranks), ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  let asked: (typeof forwarded)[number] | undefined;
  const forward = (signal: (typeof forwarded)[number]): void => {
    asked ??= signal;
    child.kill(stopSignal(launcher));
  };
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new UserError(`Cannot start ${launcher.file}: ${error.message}`, { cause: error })),
    );
    child.on('exit', (code, signal) => {
      for (const each of forwarded) process.off(each, forward);
      if (asked !== undefined) resolve(128 + constants.signals[asked]);
      else resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
