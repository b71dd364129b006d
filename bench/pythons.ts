// The PyTorch installations of this machine: Debian 12's (or what --python names), and the newer one in the Debian 13
// root that tools/debian13.sh makes. Nothing is installed here; what is not there is left out, and the tables say so.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Python {
  /** PyTorch with its version, without what a distribution adds to it. */
  readonly name: string;
  /** Whether torch.compile works: from PyTorch 2 on. */
  readonly compiles: boolean;
  /** The command that runs a script of this checkout. `folders` are shown to it, where it does not see all. */
  command(args: readonly string[], folders?: readonly string[]): [command: string, args: string[]];
}

export interface Pythons {
  readonly found: readonly Python[];
  readonly leftOut: readonly string[];
}

/** The root of tools/debian13.sh. */
export const debian13Root =
  process.env.LAUREL_DEBIAN13 ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'laurel/debian13');

/** Why nothing can run in the Debian 13 root; undefined where it can. */
export function noDebian13(wanted: string): string | undefined {
  if (!existsSync(join(debian13Root, wanted)))
    return `there is no ${wanted} in ${debian13Root} (\`tools/debian13.sh --torch\` makes it)`;
  return process.getuid?.() === 0 ? undefined : 'tools/debian13.sh needs root';
}

/** The command that runs a command in the Debian 13 root. */
export function inDebian13(
  command: readonly string[],
  folders: readonly string[] = [],
): [command: string, args: string[]] {
  return [
    'bash',
    ['tools/debian13.sh', 'run', ...folders.flatMap((folder) => ['--bind', folder]), ...command],
  ];
}

const known = new Map<string, Pythons>();

/** All that import torch (and torchvision, which half of the comparisons need). */
export function findPythons(python: string): Pythons {
  const before = known.get(python);
  if (before !== undefined) return before;
  const found: Python[] = [];
  const leftOut: string[] = [];
  const look = (what: string, command: Python['command']): void => {
    try {
      const [file, args] = command(['-c', 'import torch, torchvision; print(torch.__version__)']);
      const text = execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const version = text.trim().replace(/[a+].*$/, '');
      found.push({ name: `PyTorch ${version}`, compiles: Number.parseInt(version, 10) >= 2, command });
    } catch {
      leftOut.push(`PyTorch of ${what}: ${what} does not import torch and torchvision`);
    }
  };
  look(python, (args) => [python, [...args]]);
  const reason = noDebian13('usr/lib/python3/dist-packages/torch');
  if (reason === undefined)
    look('the Debian 13 root', (args, folders) => inDebian13(['python3', ...args], folders));
  else leftOut.push(`PyTorch of Debian 13: ${reason}`);
  const all = { found, leftOut };
  known.set(python, all);
  return all;
}
