import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import {
  type CheckpointContent,
  checkpointWeights,
  loadCheckpoint,
  readMeta,
  saveCheckpoint,
  type TensorWriter,
} from './checkpoint.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function content(step: number): CheckpointContent {
  const tensor = (value: number) => ({ shape: [2, 3], data: new Float32Array(6).fill(value) });
  return {
    position: {
      epoch: 1,
      stepInEpoch: 2,
      step,
      sums: { pictures: 8, loss: 0.1 + 0.2, top1: 3, top5: 7 },
      seconds: 1.5,
      best: null,
    },
    seed: 5,
    weights: new Map([['fc.weight', tensor(step)]]),
    optimizer: new Map([['fc.weight.momentum', tensor(-step)]]),
    metadata: { network: 'lenet' },
  };
}

/** Fails as a full disk does, at the second file. */
function fullDisk(): TensorWriter {
  let files = 0;
  return (...given) => {
    files++;
    if (files === 2) {
      writeFileSync(`${given[0]}.1.part`, 'half');
      throw new UserError(`Cannot write ${given[0]}: the disk is full.`);
    }
    writeSafetensors(...given);
  };
}

describe('checkpoints', () => {
  it('come back exactly', () => {
    saveCheckpoint(folder, content(7));
    const found = loadCheckpoint(folder);
    expect(found?.meta.position).toEqual(content(7).position);
    expect(found?.meta.seed).toBe(5);
    expect([...(found?.tensors.keys() ?? [])]).toEqual(['fc.weight', 'fc.weight.momentum']);
    expect(found?.tensors.get('fc.weight.momentum')?.data).toEqual(new Float32Array(6).fill(-7));
  });

  it('are absent before the first', () => {
    expect(loadCheckpoint(folder)).toBeUndefined();
    expect(checkpointWeights(folder, 'best')).toBeUndefined();
  });

  it('leave the files of the last and the best only, with second names for the weights', () => {
    saveCheckpoint(folder, content(1));
    saveCheckpoint(folder, content(2), { alsoBest: true });
    saveCheckpoint(folder, content(3));
    saveCheckpoint(folder, content(4));
    expect(readdirSync(folder).sort()).toEqual([
      'best.json',
      'best.safetensors',
      'last.json',
      'last.safetensors',
      'step-00000002.weights.safetensors',
      'step-00000004.optimizer.safetensors',
      'step-00000004.weights.safetensors',
    ]);
    const value = (name: string) => readSafetensors(join(folder, name)).tensors.get('fc.weight')?.data[0];
    expect(value('best.safetensors')).toBe(2);
    expect(value('last.safetensors')).toBe(4);
    expect(readSafetensors(join(folder, 'last.safetensors')).metadata).toEqual({ network: 'lenet' });
    expect(readMeta(folder, 'best')?.position.step).toBe(2);
    expect(checkpointWeights(folder, 'best')).toBe(join(folder, 'step-00000002.weights.safetensors'));
  });

  it('keep the previous one whole when the disk is full', () => {
    saveCheckpoint(folder, content(1), { alsoBest: true });
    const before = readdirSync(folder).map((file) => [
      file,
      readFileSync(join(folder, file)).toString('hex'),
    ]);
    expect(() => saveCheckpoint(folder, content(2), { alsoBest: true, write: fullDisk() })).toThrow(
      /disk is full/,
    );
    const after = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file)).toString('hex')]);
    expect(after).toEqual(before);
    expect(loadCheckpoint(folder)?.tensors.get('fc.weight')?.data[0]).toBe(1);
  });

  it('are not believed when a file was cut off, changed or lost', () => {
    saveCheckpoint(folder, content(1));
    const file = join(folder, readMeta(folder, 'last')?.optimizer?.file as string);
    const whole = readFileSync(file);
    const changed = Buffer.from(whole);
    changed[changed.length - 1] = 1;
    writeFileSync(file, changed);
    expect(() => loadCheckpoint(folder)).toThrow(/optimizer.safetensors is damaged: its checksum differs/);
    truncateSync(file, 40);
    expect(() => loadCheckpoint(folder)).toThrow(/has 40 bytes, expected \d+/);
    rmSync(file);
    expect(() => loadCheckpoint(folder)).toThrow(/is missing/);
    writeFileSync(join(folder, 'last.json'), '{}');
    expect(() => loadCheckpoint(folder)).toThrow(/last.json is not a checkpoint/);
    writeFileSync(join(folder, 'last.json'), '{');
    expect(() => loadCheckpoint(folder)).toThrow(/Cannot read .*last.json/);
  });

  it('do not share their second names with the files of another step', () => {
    saveCheckpoint(folder, content(1));
    const kept = join(folder, 'kept.safetensors');
    writeFileSync(kept, readFileSync(join(folder, 'last.safetensors')));
    saveCheckpoint(folder, content(2));
    expect(readSafetensors(kept).tensors.get('fc.weight')?.data[0]).toBe(1);
    expect(existsSync(join(folder, 'step-00000001.weights.safetensors'))).toBe(false);
  });
});
