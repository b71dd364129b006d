// The one command that brings oneDNN onto this system: where systems keep it, under which name, in which release.
import { existsSync, readFileSync } from 'node:fs';

export interface SystemRelease {
  readonly platform: NodeJS.Platform;
  /** `ID` of os-release (`debian`), then the systems it is like (`ID_LIKE`), nearest first. */
  readonly ids: readonly string[];
  /** `VERSION_ID` of os-release, `12` or `24.04`; absent on rolling systems. */
  readonly version?: string;
}

/** Package of oneDNN's library in each release of Debian and Ubuntu, newest first. */
const aptPackages: Readonly<Record<string, readonly (readonly [since: number, name: string])[]>> = {
  debian: [
    [13, 'libdnnl3.6'],
    [12, 'libdnnl2'],
  ],
  ubuntu: [
    [25.04, 'libdnnl3.6'],
    [24.04, 'libdnnl3'],
    [22.04, 'libdnnl2'],
  ],
};

/** Systems without a package of their own. */
const elsewhere = 'conda install -c conda-forge onednn';

/** One line with the one command that installs oneDNN on this system. */
export function installHint(
  system: SystemRelease = readRelease(),
  isRoot = process.getuid?.() === 0,
): string {
  const { platform, ids, version } = system;
  if (platform === 'darwin') return 'brew install onednn';
  if (platform !== 'linux') return elsewhere;
  const sudo = isRoot ? '' : 'sudo ';
  for (const id of ids) {
    const releases = aptPackages[id];
    if (releases !== undefined) {
      // A release without a number is Debian's next one; a relative of Debian counts its releases otherwise.
      const number = id === ids[0] && version !== undefined ? Number(version) : Number.POSITIVE_INFINITY;
      const name = (releases.find(([since]) => number >= since) ?? releases.at(-1))?.[1];
      return `${sudo}apt-get install ${name}`;
    }
    if (['fedora', 'rhel', 'centos'].includes(id)) return `${sudo}dnf install onednn`;
    if (['suse', 'opensuse'].includes(id)) return `${sudo}zypper install libdnnl3`;
    if (id === 'arch') return `${sudo}pacman -S onednn`;
  }
  return elsewhere;
}

/** What this system says about itself. */
export function readRelease(path = '/etc/os-release'): SystemRelease {
  const { platform } = process;
  if (platform !== 'linux' || !existsSync(path)) return { platform, ids: [] };
  const fields = new Map<string, string>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, key, value] = /^([A-Z_]+)=["']?(.*?)["']?\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value);
  }
  const ids = `${fields.get('ID') ?? ''} ${fields.get('ID_LIKE') ?? ''}`.split(' ').filter((id) => id !== '');
  return { platform, ids, version: fields.get('VERSION_ID') };
}
