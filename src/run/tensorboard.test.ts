// The event file is read back by a parser written here from the format (CRCs bit by bit), and by TensorBoard where
// it is installed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../errors.ts';
import { crc32c, openEventFile } from './tensorboard.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-events-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Fields = Map<number, (number | Buffer)[]>;

/** The fields of a protobuf message by number: numbers for varints, bytes for the rest. */
function parseMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    let value: number | Buffer;
    if (wire === 0) {
      value = varint();
    } else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      value = bytes.subarray(at, at + length);
      at += length;
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}

function slowCrc(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function readEvents(path: string): Fields[] {
  const bytes = readFileSync(path);
  const events: Fields[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(slowCrc(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(slowCrc(data));
    events.push(parseMessage(data));
    at += 12 + length + 4;
  }
  return events;
}

function only(fields: Fields | undefined, field: number): Buffer {
  const values = fields?.get(field) ?? [];
  expect(values.length).toBe(1);
  return values[0] as Buffer;
}

describe('crc32c', () => {
  it('gives the published check values', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  });
});

describe('openEventFile', () => {
  it('writes a version and then scalars that read back', () => {
    const events = openEventFile(folder);
    events.scalar('train/loss', 0.1, 0, 1234.5);
    events.scalar('é', Number.NaN, 2 ** 40, 1.25);
    const [version, first, second, ...rest] = readEvents(events.path);
    expect(rest).toEqual([]);
    expect(only(version, 3).toString()).toBe('brain.Event:2');
    expect(only(first, 1).readDoubleLE()).toBe(1234.5);
    expect(first?.get(2)).toEqual([0]);
    const value = parseMessage(only(parseMessage(only(first, 5)), 1));
    expect(only(value, 1).toString()).toBe('train/loss');
    expect(only(value, 2).readFloatLE()).toBe(Math.fround(0.1));
    expect(second?.get(2)).toEqual([2 ** 40]);
    const nan = parseMessage(only(parseMessage(only(second, 5)), 1));
    expect(only(nan, 1).toString()).toBe('é');
    expect(only(nan, 2).readFloatLE()).toBeNaN();
    events.close();
  });

  it('takes the time from the clock', () => {
    const before = Date.now() / 1000;
    const events = openEventFile(folder);
    events.scalar('a', 1, 1);
    for (const event of readEvents(events.path)) {
      const wallTime = only(event, 1).readDoubleLE();
      expect(wallTime).toBeGreaterThanOrEqual(before);
      expect(wallTime).toBeLessThanOrEqual(Date.now() / 1000);
    }
    events.close();
  });

  it('adds a file that sorts later and drops the steps from the resumed one', () => {
    const old = openEventFile(folder);
    old.scalar('a', 1, 10);
    const more = openEventFile(folder, { resumeStep: 7 });
    const names = readdirSync(folder).sort();
    expect(names.map((name) => join(folder, name))).toEqual([old.path, more.path]);
    expect(names.every((name) => name.includes('tfevents'))).toBe(true);
    const start = readEvents(more.path)[1];
    expect(start?.get(2)).toEqual([7]);
    expect(parseMessage(only(start, 7)).get(1)).toEqual([1]);
    old.close();
    more.close();
  });

  it('adds a file that sorts later when the clock was set back, and lets no time run backwards', () => {
    const old = openEventFile(folder);
    const past = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 86_400_000);
    try {
      const more = openEventFile(folder, { resumeStep: 1 });
      expect(more.path > old.path).toBe(true);
      past.mockReturnValue(5);
      more.scalar('a', 1, 1);
      const third = openEventFile(folder, { resumeStep: 1 });
      expect(third.path > more.path).toBe(true);
      const times = readEvents(more.path).map((event) => only(event, 1).readDoubleLE());
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      for (const file of [old, more, third]) file.close();
    } finally {
      past.mockRestore();
    }
  });

  it('refuses a step that is no count, and a folder that is a file', () => {
    const events = openEventFile(folder);
    expect(() => events.scalar('a', 1, -1)).toThrow('step -1, expected a whole number');
    events.close();
    writeFileSync(join(folder, 'file'), '');
    expect(() => openEventFile(join(folder, 'file'))).toThrow(UserError);
  });
});

const python = (code: string, folder = '') =>
  spawnSync('python3', ['-c', code, folder], { encoding: 'utf8' });
const accumulator = 'from tensorboard.backend.event_processing.event_accumulator import EventAccumulator';
describe.skipIf(python(accumulator).status !== 0)('TensorBoard itself (skipped where it is absent)', () => {
  it('reads a run and its resumption as one curve', () => {
    const old = openEventFile(folder);
    for (const step of [1, 2, 3]) old.scalar('loss', step / 2, step);
    old.close();
    const resumed = openEventFile(folder, { resumeStep: 3 });
    for (const step of [3, 4]) resumed.scalar('loss', -step, step);
    resumed.close();
    const show = 'print([(e.step, e.value) for e in a.Scalars("loss")])';
    const { stdout } = python(
      `import sys\n${accumulator}\na = EventAccumulator(sys.argv[1]); a.Reload(); ${show}`,
      folder,
    );
    expect(stdout.trim()).toBe('[(1, 0.5), (2, 1.0), (3, -3.0), (4, -4.0)]');
  });
});
