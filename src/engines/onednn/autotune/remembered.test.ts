import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, recall, remember, rememberedPath } from './remembered.ts';

const answer = (choice: string): Answer => ({ choice, ms: { primitive: 2, [choice]: 1 }, among: [choice] });
let folder = '';
let path = '';
let notes: string[] = [];
const note = (message: string): void => {
  notes.push(message);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-autotune-'));
  path = join(folder, 'cache', 'autotune.json');
  notes = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('remembered answers', () => {
  it('come back by machine and question, and add to what is there', () => {
    remember(path, 'a', new Map([['one', answer('phases')]]), note);
    remember(path, 'a', new Map([['two', answer('matrix product')]]), note);
    remember(path, 'b', new Map([['one', answer('primitive')]]), note);
    expect([...recall(path, 'a', note)]).toEqual([
      ['one', answer('phases')],
      ['two', answer('matrix product')],
    ]);
    expect([...recall(path, 'b', note).keys()]).toEqual(['one']);
    expect(recall(path, 'c', note).size).toBe(0);
    expect(notes).toEqual([]);
  });

  it('lie in the cache folder of the user', () => {
    expect(rememberedPath({ XDG_CACHE_HOME: '/cache' })).toMatch(/laurel.autotune\.json$/);
  });

  it.each([
    '{"format": "laurel autotune 1", "machines"',
    '[]',
    '{"format":"laurel autotune 1","machines":{"a":{"q":1}}}',
  ])('are measured again where the file is damaged: %s', (text) => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(path, text);
    expect(recall(path, 'a', note).size).toBe(0);
    expect(notes).toEqual([expect.stringContaining('autotune.json is damaged and is ignored')]);
    remember(path, 'a', new Map([['one', answer('phases')]]), note);
    expect(recall(path, 'a', note).size).toBe(1);
    expect(notes).toHaveLength(1);
  });

  it("of another version's file are nothing, without a word", () => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(path, '{"format":"laurel autotune 2","machines":[]}');
    expect(recall(path, 'a', note).size).toBe(0);
    expect(notes).toEqual([]);
  });

  it('that cannot be kept are a note, not an error', () => {
    writeFileSync(join(folder, 'cache'), 'a file where the folder should be');
    remember(path, 'a', new Map([['one', answer('phases')]]), note);
    expect(notes).toEqual([
      expect.stringMatching(/^The measured choices of implementations are not remembered: /),
    ]);
  });

  it('wait for no process that died with the lock', () => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(`${path}.lock`, '');
    const past = new Date(Date.now() - 60_000);
    utimesSync(`${path}.lock`, past, past);
    remember(path, 'a', new Map([['one', answer('phases')]]), note);
    expect(recall(path, 'a', note).size).toBe(1);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('of processes that write at once are all there', async () => {
    const code = `
      import { remember } from ${JSON.stringify(join(import.meta.dirname, 'remembered.ts'))};
      const [path, name] = process.argv.slice(1);
      for (let i = 0; i < 10; i++) {
        const answer = { choice: name, ms: {}, among: [] };
        remember(path, 'a', new Map([[name + ' ' + i, answer]]), (message) => { throw new Error(message); });
      }`;
    const writers = ['x', 'y', 'z'].map((name) =>
      spawn(process.execPath, ['--input-type=module-typescript', '-e', code, path, name], {
        stdio: 'inherit',
      }),
    );
    const ends = await Promise.all(writers.map((writer) => once(writer, 'exit')));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0]);
    expect(recall(path, 'a', note).size).toBe(30);
    expect(() => JSON.parse(readFileSync(path, 'utf8'))).not.toThrow();
  });
});
