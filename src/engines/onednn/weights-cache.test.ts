import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createGraph, input, markOutput, state } from '../../graph/graph.ts';
import { convolution, relu } from '../../graph/ops/index.ts';
import { tryCreateOneDnnEngine } from './index.ts';
import { openWeightsCache, weightsCacheIn } from './weights-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
});

const noNote = (message: string): void => {
  throw new Error(message);
};
const content = Uint8Array.from({ length: 4096 }, (_, i) => i % 251);
const only = (): string => join(folder, readdirSync(folder)[0] as string);
const { engine } = tryCreateOneDnnEngine();

describe.skipIf(process.platform === 'win32' || engine === undefined)('the cache of weights', () => {
  it('gives back what was kept, under its key and size alone', () => {
    const cache = weightsCacheIn(folder, 1e6);
    expect(cache.find('a', content.length)).toBeUndefined();
    cache.keep('a', content, noNote);
    expect(cache.find('a', content.length)?.content(content.length)).toEqual(content);
    expect(cache.find('a', content.length - 128)).toBeUndefined();
    expect(cache.find('b', content.length)).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each<[string, (path: string) => void]>([
    [
      'a wrong bit',
      (path) => {
        const bytes = readFileSync(path);
        bytes[5000] = (bytes[5000] as number) ^ 1;
        writeFileSync(path, bytes);
      },
    ],
    ['a lost end', (path) => truncateSync(path, 6000)],
    ['no header', (path) => writeFileSync(path, 'nothing')],
    ['nothing', (path) => writeFileSync(path, '')],
  ])('takes a file with %s for none, and writes it anew', (_, damage) => {
    const cache = weightsCacheIn(folder, 1e6);
    cache.keep('a', content, noNote);
    damage(only());
    expect(cache.find('a', content.length)).toBeUndefined();
    cache.keep('a', content, noNote);
    expect(cache.find('a', content.length)?.content(4)).toEqual(content.subarray(0, 4));
  });

  it('removes what was not used for longest', () => {
    const cache = weightsCacheIn(folder, 2.5 * (content.length + 4096));
    cache.keep('a', content, noNote);
    cache.keep('b', content, noNote);
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), new Date(1e12), new Date(1e12));
    expect(cache.find('a', content.length)).toBeDefined();
    cache.keep('c', content, noNote);
    const there = ['a', 'b', 'c'].filter((key) => cache.find(key, content.length) !== undefined);
    expect(there).toEqual(['a', 'c']);
  });

  it('says why it cannot keep something', () => {
    const notes: string[] = [];
    writeFileSync(join(folder, 'file'), '');
    weightsCacheIn(join(folder, 'file'), 1e6).keep('a', content, (note) => notes.push(note));
    expect(notes[0]).toContain('are not kept in');
  });

  it('can be turned off', () => {
    expect(openWeightsCache({ LAUREL_WEIGHTS_CACHE: 'off' })).toBeUndefined();
  });

  it('spares a program its weights', () => {
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder;
    try {
      const graph = createGraph();
      const x = input(graph, 'x', [1, 16, 6, 6]);
      const w = state(graph, 'w', [24, 16, 3, 3], 'parameter', { kind: 'constant', value: 0 });
      const b = state(graph, 'b', [24], 'parameter', { kind: 'constant', value: 0 });
      markOutput('y', relu(convolution(x, w, b)));
      const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      const feeds = { x: numbers(16 * 36) };
      const asked: string[] = [];
      const compiled = (identity: string | undefined) => {
        asked.length = 0;
        const read = (name: string): Float32Array => {
          asked.push(name);
          return numbers(name === 'w' ? 24 * 16 * 9 : 24);
        };
        const program = engine?.compile(graph, { weights: { read, identity } });
        if (program === undefined) throw new Error('no engine');
        return program;
      };
      const plain = engine?.compile(graph);
      plain?.write('w', numbers(24 * 16 * 9));
      plain?.write('b', numbers(24));
      const expected = plain?.run(feeds).y;
      expect(compiled(undefined).run(feeds).y).toEqual(expected);
      expect(compiled('one').run(feeds).y).toEqual(expected);
      expect(asked.toSorted()).toEqual(['b', 'w']);
      const again = compiled('one');
      expect(again.run(feeds).y).toEqual(expected);
      expect(asked).toEqual([]);
      expect(again.read('b')).toEqual(numbers(24));
      expect(() => again.write('b', numbers(24))).toThrow('fixed weights');
      expect(() => again.read('c')).toThrow('no state named c');
      compiled('two');
      expect(asked).not.toEqual([]);
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });
});
