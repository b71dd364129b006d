import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openMappedFile } from './mapped-file.ts';
import { scratchFolder } from './testing.ts';

const scratch = scratchFolder();

describe('openMappedFile', () => {
  it('gives the bytes of a file, beyond 4 GiB and across the windows it is seen through', () => {
    const path = join(scratch, 'sparse');
    const file = openSync(path, 'w');
    ftruncateSync(file, 5 * 2 ** 30);
    const marks = [0, 2 ** 30 - 2, 2 ** 31, 5 * 2 ** 30 - 4];
    for (const [i, at] of marks.entries())
      writeSync(file, Buffer.from([i + 1, i + 2, i + 3, i + 4]), 0, 4, at);
    closeSync(file);
    const mapped = openMappedFile(path);
    for (const [i, at] of marks.entries()) {
      expect([...mapped.bytes(at, 4)]).toEqual([i + 1, i + 2, i + 3, i + 4]);
    }
    expect(mapped.bytes(7, 0)).toHaveLength(0);
    expect(() => mapped.bytes(5 * 2 ** 30 - 3, 4)).toThrow();
    mapped.close();
  });

  it.skipIf(process.platform === 'win32')('shares the memory of the system: a later write is seen', () => {
    const path = join(scratch, 'shared');
    writeFileSync(path, 'before');
    const mapped = openMappedFile(path);
    expect(mapped.unmapped).toBeUndefined();
    const bytes = mapped.bytes(0, 6);
    const file = openSync(path, 'r+');
    writeSync(file, 'after!', 0);
    closeSync(file);
    expect(Buffer.from(bytes).toString()).toBe('after!');
  });

  it('reads bytes where mapping is not wanted, into memory of their own', () => {
    const path = join(scratch, 'read');
    writeFileSync(path, 'before');
    vi.stubEnv('LAUREL_MMAP', '0');
    const file = openMappedFile(path);
    vi.unstubAllEnvs();
    expect(file.unmapped).toBe('LAUREL_MMAP is 0');
    const bytes = file.bytes(2, 3);
    writeFileSync(path, 'after!');
    expect(Buffer.from(bytes).toString()).toBe('for');
    file.close();
    file.close();
  });

  it('reads what cannot be mapped, and says which file is not there or too short', () => {
    const path = join(scratch, 'empty');
    writeFileSync(path, '');
    expect(openMappedFile(path).unmapped).toBe('it is empty');
    expect(() => openMappedFile(path).bytes(0, 1)).toThrow(/empty is truncated: it ends before byte 1/);
    expect(() => openMappedFile(path, 10)).toThrow(/is truncated: it has 0 bytes, expected 10/);
    expect(() => openMappedFile(join(scratch, 'absent'))).toThrow(/Cannot read .*absent: no such file/);
  });
});
