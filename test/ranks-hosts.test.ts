// Two hosts, as network namespaces with a cable (veth) between them: what one trains both train together, and when the
// cable is cut in the middle of a step the run ends with a sentence. Needs root, `ip` and Open MPI, whose launcher starts
// ranks elsewhere through a command of our choice.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchers } from '../src/distribute/testing.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { bin, laurel, temporaryFolder } from './cli.ts';

const launcher = launchers.find(({ name }) => name === 'Open MPI');
const [near, far] = [`laurel${process.pid}a`, `laurel${process.pid}b`];
const network = '10.77.61';

const ip = (...args: string[]): boolean => spawnSync('ip', args).status === 0;

/** Whether this process may make network namespaces and name hosts in them. */
function mayMakeHosts(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || launcher === undefined) return false;
  const made = ip('netns', 'add', near) && ip('netns', 'exec', near, 'unshare', '--uts', 'hostname', near);
  ip('netns', 'del', near);
  return made;
}

describe.skipIf(!mayMakeHosts())('two hosts (skipped without root, ip, unshare or Open MPI)', () => {
  let folder = '';
  let agent = '';
  let data = '';

  beforeAll(() => {
    folder = temporaryFolder();
    data = writeSyntheticIdx(join(folder, 'data'));
    agent = join(folder, 'agent.sh');
    // What the launcher calls in place of ssh: AGENT HOST COMMAND...
    const start = `exec ip netns exec ${far} unshare --uts sh -c 'hostname ${far}; exec sh -c "$0"' "$*"`;
    writeFileSync(agent, `#!/bin/sh\nshift\n${start}\n`, { mode: 0o755 });
    ip('netns', 'add', near);
    ip('netns', 'add', far);
    ip('link', 'add', 'cable', 'netns', near, 'type', 'veth', 'peer', 'name', 'cable', 'netns', far);
    for (const [host, number] of [
      [near, 1],
      [far, 2],
    ] as const) {
      ip('-n', host, 'addr', 'add', `${network}.${number}/24`, 'dev', 'cable');
      for (const device of ['lo', 'cable']) ip('-n', host, 'link', 'set', device, 'up');
    }
  });

  afterAll(() => {
    ip('netns', 'del', near);
    ip('netns', 'del', far);
  });

  /** `laurel ARGS` as a rank on each host. */
  function onBoth(args: readonly string[]) {
    const tcp = `${network}.0/24`;
    const mca: Record<string, string> = {
      plm_rsh_agent: agent,
      btl_tcp_if_include: tcp,
      oob_tcp_if_include: tcp,
      // How soon the launcher finds out that a host is gone, seconds.
      oob_tcp_keepalive_time: '3',
      oob_tcp_keepalive_intvl: '1',
      oob_tcp_keepalive_probes: '3',
    };
    const command = [
      ...['mpirun.openmpi', '--allow-run-as-root', '--bind-to', 'none', '-n', '2'],
      ...['--host', `${network}.1,${network}.2`],
      ...Object.entries(mca).flatMap(([name, value]) => ['--mca', name, value]),
      ...[process.execPath, bin, ...args],
    ];
    const inside = `hostname ${near}; exec "$@"`;
    const child = spawn(
      'ip',
      ['netns', 'exec', near, 'unshare', '--uts', 'sh', '-c', inside, 'sh', ...command],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } },
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    const seen = (pattern: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        child.stderr.on('data', () => {
          if (pattern.test(stderr)) resolve();
        });
        child.on('close', () => reject(new Error(stderr)));
      });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { ended, seen, stdout: () => stdout, stderr: () => stderr };
  }

  const plan = (out: string, epochs: number, ...more: string[]): string[] => [
    ...['train', 'lenet', '--data', data, '--out', out, '--seed', '3', '--batch', '16', '--json'],
    ...['--epochs', `${epochs}`, '--schedule', 'constant', '--no-warnings', ...more],
  ];

  it('train together what one does', { timeout: 120_000 }, async () => {
    const both = onBoth(plan(join(folder, 'both'), 2));
    expect(await both.ended, both.stderr()).toBe(0);
    const one = await laurel(plan(join(folder, 'one'), 2));
    const [a, b] = [JSON.parse(both.stdout()), JSON.parse(one.stdout)];
    expect(a.testLoss).toBeCloseTo(b.testLoss, 5);
    expect(a.protocol.ranks.count).toBe(2);
  });

  it('end with a sentence when the cable is cut', { timeout: 120_000 }, async () => {
    const out = join(folder, 'cut');
    const both = onBoth(plan(out, 100_000, '--rank-timeout', '4'));
    await both.seen(/epoch +3\//);
    ip('-n', far, 'link', 'set', 'cable', 'down');
    expect(await both.ended).not.toBe(0);
    expect(both.stderr()).toMatch(
      /Rank 1 does not answer: .* waited 4 s\. Look at that process|lost communication with a remote daemon/,
    );
    expect(existsSync(join(out, 'summary.json'))).toBe(false);
    ip('-n', far, 'link', 'set', 'cable', 'up');
    const meta = JSON.parse(readFileSync(join(out, 'checkpoints', 'last.json'), 'utf8'));
    const resumed = await laurel(plan(out, meta.position.epoch + 1, '--resume'));
    expect(resumed.code, resumed.stderr).toBe(0);
  });
});
