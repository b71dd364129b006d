// Runs a program as ranks of each MPI that is installed, for tests.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH';
  readonly file: string;
  readonly flags: readonly string[];
}

const known: readonly Launcher[] = [
  {
    name: 'Open MPI',
    file: 'mpirun.openmpi',
    flags: ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'],
  },
  { name: 'MPICH', file: 'mpiexec.mpich', flags: [] },
];

const isInstalled = (file: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, file)));

/** The launchers of this machine. */
export const launchers: readonly Launcher[] = known.filter(({ file }) => isInstalled(file));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `node PROGRAM ...` as `count` ranks, to its end; `program` is relative to the repository's root. */
export async function runRanks(
  launcher: Launcher,
  count: number,
  program: string,
  options: { readonly arguments?: readonly string[]; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const path = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  const command = [...launcher.flags, '-n', `${count}`, process.execPath, path, ...(options.arguments ?? [])];
  const env = {
    ...process.env,
    NODE_NO_WARNINGS: '1',
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
    ...options.environment,
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(launcher.file, command, { env, timeout: 120_000 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout: string; stderr: string };
    return { code: typeof code === 'number' ? code : 1, stdout, stderr };
  }
}
