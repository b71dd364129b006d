import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { appendMetrics, readMetrics, truncateMetrics } from './metrics.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-metrics-'));
  path = join(folder, 'run', 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('metrics', () => {
  it('come back in order; an absent file has none', () => {
    expect(readMetrics(path)).toEqual([]);
    appendMetrics(path, { epoch: 1, loss: 2.5, name: 'ä' });
    appendMetrics(path, { epoch: 2, loss: Number.NaN });
    expect(readMetrics(path)).toEqual([
      { epoch: 1, loss: 2.5, name: 'ä' },
      { epoch: 2, loss: null },
    ]);
  });

  it.each(['{"epoch":2,"lo', '{"epoch":2}', `{"text":"${'x'.repeat(10_000)}`])(
    'lose a half-written last line (%#) on reading and before the next append',
    (half) => {
      appendMetrics(path, { epoch: 1 });
      appendFileSync(path, half);
      expect(readMetrics(path)).toEqual([{ epoch: 1 }]);
      appendMetrics(path, { epoch: 2 });
      expect(readFileSync(path, 'utf8')).toBe('{"epoch":1}\n{"epoch":2}\n');
    },
  );

  it('start again when only half a line is there', () => {
    appendMetrics(path, { epoch: 1 });
    writeFileSync(path, '{"epo');
    appendMetrics(path, { epoch: 1 });
    expect(readMetrics(path)).toEqual([{ epoch: 1 }]);
  });

  it('name the line that is damaged', () => {
    appendMetrics(path, { epoch: 1 });
    appendFileSync(path, '5\n{"epoch":3}\n');
    expect(() => readMetrics(path)).toThrow(UserError);
    expect(() => readMetrics(path)).toThrow(`Line 2 of ${path} is not a JSON object`);
  });

  it('are cut back to the point of resumption', () => {
    for (const epoch of [1, 2, 3]) appendMetrics(path, { epoch });
    appendFileSync(path, '{"epoch":4');
    truncateMetrics<{ epoch: number }>(path, ({ epoch }) => epoch <= 2);
    expect(readFileSync(path, 'utf8')).toBe('{"epoch":1}\n{"epoch":2}\n');
    truncateMetrics(join(folder, 'absent'), () => true);
    expect(existsSync(join(folder, 'absent'))).toBe(false);
  });

  it('say when their place cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => appendMetrics(join(folder, 'file', 'metrics.jsonl'), {})).toThrow(
      /^Cannot write .*a file, not a folder/,
    );
  });
});
