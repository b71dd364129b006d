// A signal in the middle of a native call must not write into memory of ours: the profiler sends a thousand a second.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseEngine } from '../choose.ts';
import { signalShield } from './signals.ts';

const isHere = chooseEngine('auto', {}).engine.name === 'onednn';

describe.skipIf(!isHere)('signals (skipped without oneDNN)', () => {
  it('leave a matrix product alone', { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'laurel-signals-'));
    const source = `
      import { chooseEngine } from '${new URL('../choose.ts', import.meta.url)}';
      import { createGraph, input, markOutput } from '${new URL('../../graph/graph.ts', import.meta.url)}';
      import { linear } from '${new URL('../../graph/ops/index.ts', import.meta.url)}';
      const graph = createGraph();
      const x = input(graph, 'x', [32, 2048]);
      const w = input(graph, 'w', [2048, 2048]);
      markOutput('y', linear(x, w, undefined));
      const program = chooseEngine('onednn', {}).engine.compile(graph);
      const feeds = { x: new Float32Array(32 * 2048), w: new Float32Array(2048 * 2048) };
      for (let i = 0; i < 60; i++) program.run(feeds);`;
    const flags = ['--disable-warning=ExperimentalWarning', '--cpu-prof', '--cpu-prof-dir', folder];
    try {
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        [...flags, '--input-type=module', '--eval', source],
        { encoding: 'utf8' },
      );
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are held back during the work, whose result and errors pass through', () => {
    const shield = signalShield();
    expect(shield(() => shield(() => 7))).toBe(7);
    expect(() =>
      shield(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
  });
});
