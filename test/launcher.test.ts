// The command on a machine whose own Node is too old: a checkout brings its own Node; a package says what it needs.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bin, run, temporaryFolder } from './cli.ts';

/** The first node on the PATH that is older than 22.18. */
const oldNode = (process.env.PATH ?? '')
  .split(':')
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .filter((file) => existsSync(file))
  .find((file) => {
    const [major = 0, minor = 0] = execFileSync(file, ['-p', 'process.versions.node'], { encoding: 'utf8' })
      .split('.')
      .map(Number);
    return major < 22 || (major === 22 && minor < 18);
  });

describe.skipIf(oldNode === undefined)('on a Node that is too old', () => {
  it('hands over to the Node of the checkout, with its exit code', async () => {
    const summary = await run(oldNode as string, [bin, 'summary', 'lenet', '--json']);
    expect(JSON.parse(summary.stdout).params).toBe(61_706);
    const misused = await run(oldNode as string, [bin, 'summary', 'lennet']);
    expect(misused.code).toBe(2);
  });

  it('says which Node a package needs', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'bin'));
    copyFileSync(bin, join(folder, 'bin/laurel.mjs'));
    writeFileSync(join(folder, 'package.json'), '{}');
    const { code, stdout, stderr } = await run(oldNode as string, [join(folder, 'bin/laurel.mjs'), 'nets']);
    expect(stderr).toMatch(
      /^error: Laurel needs Node 22\.18 or newer; this is v\d+\.\S+ Install a newer one/,
    );
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});
