// A process of its own listens, is sent signals and ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const url = pathToFileURL(join(import.meta.dirname, 'interrupt.ts')).href;

/** Runs `code` with an `interruption` at hand; resolves at its first word. */
async function listening(code: string): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const program = `
    import { listenForInterrupt } from ${JSON.stringify(url)};
    const interruption = listenForInterrupt(() => console.log('stopping'));
    ${code}
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
  const ended = new Promise((resolve) => child.on('exit', (exitCode, by) => resolve(exitCode ?? by)));
  await heard(child);
  return { child, ended };
}

function heard(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout?.once('data', (text) => resolve(String(text).trim())));
}

const saving = `
  const alive = setInterval(() => {}, 1000);
  interruption.signal.addEventListener('abort', () => setTimeout(() => {
    process.exitCode = interruption.exitCode();
    clearInterval(alive);
  }, 100));`;

describe('a request to stop', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s lets the work end, with exit code %i', async (signal, code) => {
    const { child, ended } = await listening(saving);
    child.kill(signal);
    expect(await heard(child)).toBe('stopping');
    child.kill(signal);
    expect(await ended).toBe(code);
  });

  it('made again a moment later ends a process that is busy', async () => {
    // The work goes into one long call, as of a native library, that no handler can interrupt.
    const { child, ended } = await listening(`
      const alive = setInterval(() => {}, 1000);
      interruption.signal.addEventListener('abort', () => setTimeout(() => {
        console.log('busy');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50_000);
      }, 800));`);
    child.kill('SIGTERM');
    expect(await heard(child)).toBe('stopping');
    expect(await heard(child)).toBe('busy');
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
  });

  it('comes through when nobody reads the messages any more', async () => {
    const { child, ended } = await listening(`
      ${saving}
      setInterval(() => console.error('a line of progress'), 20).unref();`);
    child.stderr?.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGHUP');
    expect(await ended).toBe(129);
  });
});
