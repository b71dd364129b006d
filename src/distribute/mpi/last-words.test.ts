import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { untilHeard } from './last-words.ts';

const module = new URL('./last-words.ts', import.meta.url).href;

/** Milliseconds that a process waits which has words for a reader that comes after `seconds`. */
function waitedFor(seconds: number): number {
  const program =
    `const { untilHeard } = await import('${module}'); process.stderr.write('words'); ` +
    `const began = performance.now(); untilHeard(); process.stdout.write(String(performance.now() - began));`;
  const { stdout } = spawnSync(
    'sh',
    [
      '-c',
      '{ "$0" --input-type=module -e "$1" 2>&1 >&3 | { sleep "$2"; cat >&2; }; } 3>&1',
      process.execPath,
    ].concat(program, `${seconds}`),
    { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
  );
  return Number(stdout);
}

describe('the last words of a rank', () => {
  it('are waited for until nothing is left to be read', () => {
    const left = [5, 5, 3, 0, 7];
    untilHeard(() => left.shift() as number);
    expect(left).toEqual([7]);
  });

  it.runIf(process.platform === 'linux')('sit in the pipe until the launcher reads (on Linux)', () => {
    expect(waitedFor(1.5)).toBeGreaterThan(500);
  });

  it('are not waited for for ever', () => {
    expect(waitedFor(6)).toBeLessThan(5900);
  });
});
