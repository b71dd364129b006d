import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder, lockRunFolder, type RunLock } from './lock.ts';

let folder: string;
let held: RunLock[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-lock-'));
});
afterEach(() => {
  for (const lock of held) lock.release();
  held = [];
  rmSync(folder, { recursive: true, force: true });
});

function lock(): RunLock {
  const notes: string[] = [];
  const taken = lockRunFolder(folder, (message) => notes.push(message));
  held.push(taken);
  expect(notes).toEqual([]);
  return taken;
}

/** Another process that locks the folder and waits; gives it once it has. */
async function otherProcess() {
  const url = pathToFileURL(join(import.meta.dirname, 'lock.ts')).href;
  const code = `
    import { lockRunFolder } from ${JSON.stringify(url)};
    lockRunFolder(${JSON.stringify(folder)}, console.log);
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return { child, ended };
}

describe('the lock of a run folder', () => {
  it('is one at a time, says who has it, and leaves nothing behind', () => {
    const first = lock();
    expect(() => lock()).toThrow(
      new RegExp(
        `^A training runs in ${folder} already \\(process ${process.pid} on .*, since 2.*\\)\\. Wait`,
      ),
    );
    expect(lockHolder(folder)).toMatchObject({ pid: process.pid });
    first.release();
    expect(readdirSync(folder)).toEqual([]);
    expect(lockHolder(folder)).toBeUndefined();
    lock().release();
  });

  it('holds between processes, and ends with kill -9', async () => {
    const { child, ended } = await otherProcess();
    expect(() => lock()).toThrow(new RegExp(`process ${child.pid} on`));
    expect(lockHolder(folder)?.pid).toBe(child.pid);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(join(folder, '.lock'))).toBe(true);
    expect(lockHolder(folder)).toBeUndefined();
    lock();
  });

  it('is still held by a process that is stopped', async () => {
    const { child, ended } = await otherProcess();
    child.kill('SIGSTOP');
    expect(() => lock()).toThrow(/A training runs/);
    child.kill('SIGKILL');
    await ended;
  });

  it.each([
    ['a process of that number', JSON.stringify({ pid: process.pid, host: 'here', since: 'today' })],
    ['half a line', '{"pid": 1'],
  ])('does not believe a file that nobody holds: %s', (_, text) => {
    writeFileSync(join(folder, '.lock'), text);
    expect(lockHolder(folder)).toBeUndefined();
    lock().release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('notices a folder that was deleted, moved or replaced', () => {
    const taken = lock();
    taken.check();
    const moved = `${folder}-moved`;
    renameSync(folder, moved);
    expect(() => taken.check()).toThrow(/was deleted, moved or replaced while the training ran/);
    mkdirSync(folder);
    writeFileSync(join(folder, '.lock'), '');
    expect(() => taken.check()).toThrow(/was deleted, moved or replaced/);
    rmSync(folder, { recursive: true });
    renameSync(moved, folder);
    taken.check();
    rmSync(folder, { recursive: true });
    expect(() => taken.check()).toThrow(/was deleted, moved or replaced/);
    taken.release();
    expect(existsSync(folder)).toBe(false);
  });

  it.skipIf(!existsSync('/proc/self'))('says why it cannot be had', () => {
    expect(() => lockRunFolder('/proc/self', () => {})).toThrow(/^Cannot write to \/proc\/self: /);
  });
});
