// Runs the command line as a user does: another process, its two streams, its exit code.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
export const bin = fileURLToPath(new URL('../bin/laurel.mjs', import.meta.url));
/** `laurel ...args`, to its end. */
export function laurel(args, options = {}) {
  return run(process.execPath, [bin, ...args], options);
}
export function run(file, args, { env = {}, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
/** An empty folder that goes away with the test. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
