import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openLibrary } from './library.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-library-'));
const before = process.env.LAUREL_ONEDNN;
afterEach(() => {
  if (before === undefined) delete process.env.LAUREL_ONEDNN;
  else process.env.LAUREL_ONEDNN = before;
});
afterAll(() => rmSync(folder, { recursive: true }));

function compiler(): string | undefined {
  for (const name of ['cc', 'gcc', 'clang']) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return name;
    } catch {}
  }
  return undefined;
}
const cc = compiler();

/** A shared library with the given C source. */
function library(name: string, source: string): string {
  const file = join(folder, `${name}.c`);
  writeFileSync(file, source);
  const output = join(folder, `${name}.so`);
  execFileSync(cc as string, ['-shared', '-fPIC', '-o', output, file]);
  return output;
}

describe('a library named by LAUREL_ONEDNN', () => {
  it('is refused if it cannot be loaded', () => {
    process.env.LAUREL_ONEDNN = '/nowhere/libdnnl.so';
    expect(() => openLibrary()).toThrow(
      'LAUREL_ONEDNN names /nowhere/libdnnl.so, which is not a loadable library',
    );
  });

  it.skipIf(cc === undefined)(
    `is refused if it is something else${cc ? '' : ' (skipped: no C compiler)'}`,
    () => {
      process.env.LAUREL_ONEDNN = library('other', 'int answer(void) { return 42; }');
      expect(() => openLibrary()).toThrow(/is not oneDNN \(it has no dnnl_version\)/);
    },
  );

  it.skipIf(cc === undefined)(
    `is refused if its version is unknown${cc ? '' : ' (skipped: no C compiler)'}`,
    () => {
      const source = 'static int version[3] = {4, 1, 0}; const int *dnnl_version(void) { return version; }';
      process.env.LAUREL_ONEDNN = library('future', source);
      expect(() => openLibrary()).toThrow(
        /is oneDNN 4\.1\.0, and Laurel knows the interfaces of 2\.x and 3\.x only/,
      );
    },
  );
});
