// Lets PyTorch make every fixture again, with the scripts that made those in the repository, and compares: what the
// other tests hold Laurel against is what PyTorch gives (npm run test:torch).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder } from './cli.ts';
import { absent, weights } from './googlenet-samples.ts';

const stored = fileURLToPath(new URL('fixtures', import.meta.url));
const scripts = fileURLToPath(new URL('../tools/torch', import.meta.url));
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const { status } = spawnSync(python, ['-c', 'import torch, torchvision']);
const why = status === 0 ? '' : `: skipped, ${python} has no torch and torchvision`;

/** Results of another version or processor differ in the last digits. */
const tolerance = 1e-4;

/** Where two fixtures differ, as paths; numbers by their distance over the larger one, or the largest of their list. */
function differences(found: unknown, expected: unknown, path = '', scale = 0): string[] {
  if (typeof found === 'number' && typeof expected === 'number') {
    const size = Math.max(Math.abs(expected), scale);
    const close = Object.is(found, expected) || Math.abs(found - expected) <= tolerance * size;
    return close ? [] : [`${path}: ${found}, stored ${expected}`];
  }
  if (typeof found === 'object' && typeof expected === 'object' && found !== null && expected !== null) {
    const sizes = Object.values(expected).filter((value) => typeof value === 'number');
    const largest = Array.isArray(expected) ? Math.max(0, ...sizes.map(Math.abs)) : 0;
    const keys = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
    return keys.flatMap((key) =>
      differences(
        (found as Record<string, unknown>)[key],
        (expected as Record<string, unknown>)[key],
        `${path}/${key}`,
        largest,
      ),
    );
  }
  return found === expected ? [] : [`${path}: ${found}, stored ${expected}`];
}

describe.skipIf(status !== 0)(`PyTorch${why}`, () => {
  it.each([
    ['fixtures.py', 'torch-losses.json'],
    ['training_fixtures.py', 'torch-training.json'],
    ['residual_fixtures.py', 'senet-logits.json'],
    ['torchvision_fixtures.py', 'torchvision-logits.json'],
    ['checkpoint_fixtures.py', 'checkpoints/expected.json'],
  ])('%s makes %s again', remake);

  it.skipIf(absent)(
    'deconv_fixtures.py, with the weights in ../shared/data, makes deconv-googlenet.json again',
    () => remake('deconv_fixtures.py', 'deconv-googlenet.json', weights),
  );
});

async function remake(script: string, file: string, ...args: string[]): Promise<void> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'checkpoints'));
  const env = { LAUREL_FIXTURES: folder, OMP_NUM_THREADS: undefined };
  const { code, stderr } = await run(python, [join(scripts, script), ...args], { env });
  expect(code, stderr).toBe(0);
  const read = (from: string): unknown => {
    const { torch, torchvision, ...results } = JSON.parse(readFileSync(join(from, file), 'utf8'));
    return results;
  };
  expect(differences(read(folder), read(stored)).slice(0, 10)).toEqual([]);
}
