import { describe, expect, it } from 'vitest';
import { installHint, readRelease, type SystemRelease } from './install-hint.ts';

const linux = (ids: string, version?: string): SystemRelease => ({
  platform: 'linux',
  ids: ids.split(' '),
  version,
});

describe('installHint', () => {
  it.each([
    [linux('debian', '12'), 'apt-get install libdnnl2'],
    [linux('debian', '13'), 'apt-get install libdnnl3.6'],
    [linux('debian'), 'apt-get install libdnnl3.6'],
    [linux('ubuntu debian', '22.04'), 'apt-get install libdnnl2'],
    [linux('ubuntu debian', '24.04'), 'apt-get install libdnnl3'],
    [linux('ubuntu debian', '25.10'), 'apt-get install libdnnl3.6'],
    [linux('fedora', '42'), 'dnf install onednn'],
    [linux('rocky rhel centos fedora', '9.4'), 'dnf install onednn'],
    [linux('arch'), 'pacman -S onednn'],
    [linux('opensuse-tumbleweed opensuse suse', '20260101'), 'zypper install libdnnl3'],
  ])('%j: %s', (system, command) => {
    expect(installHint(system, true)).toBe(command);
    expect(installHint(system, false)).toBe(`sudo ${command}`);
  });

  it('needs no other rights with Homebrew and conda', () => {
    expect(installHint({ platform: 'darwin', ids: [] }, false)).toBe('brew install onednn');
    expect(installHint({ platform: 'linux', ids: ['nixos'] }, false)).toMatch(/^conda install /);
  });

  it('reads the release of this system', () => {
    const release = readRelease();
    expect(release.platform).toBe(process.platform);
    expect(installHint(release)).toMatch(/^\S+( \S+)+$/);
  });
});
