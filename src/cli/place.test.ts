import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../files.ts';
import { preparePlace } from './place.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'laurel-place-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('makeFolder', () => {
  it('makes all levels, and is content with what is there', () => {
    makeFolder(join(home, 'a/b/c'));
    makeFolder(join(home, 'a/b/c'));
    expect(statSync(join(home, 'a/b/c')).isDirectory()).toBe(true);
  });

  it('refuses what lies below a file', () => {
    writeFileSync(join(home, 'file'), '');
    expect(() => makeFolder(join(home, 'file/run'))).toThrow(
      /Cannot write to .*file\/run: a part of the path is a file/,
    );
  });

  it.skipIf(!existsSync('/proc/self'))(
    'refuses a place that can hold no folders, without waiting for ever',
    () => {
      expect(() => makeFolder('/proc/laurel/run')).toThrow(/Cannot write to \/proc\/laurel\/run: /);
    },
  );
});

describe('preparePlace', () => {
  it('makes the folder and leaves the file to be written', () => {
    preparePlace(join(home, 'figures/confusion.png'));
    expect(existsSync(join(home, 'figures'))).toBe(true);
    expect(existsSync(join(home, 'figures/confusion.png'))).toBe(false);
  });

  it('refuses a folder', () => {
    expect(() => preparePlace(home)).toThrow(/it is a folder, not a file/);
  });
});
