// Checkpoints of one number for tests, and what is found in a folder after something went wrong.
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors } from '../../weights/safetensors.ts';
import { takeUpCheckpoint } from './load.ts';
import type { CheckpointContent } from './save.ts';

/** Flushing a disk takes long, and proves nothing to a test that follows the calls. */
export const quickPlace = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const filled = (value: number) => ({ shape: [4], data: new Float32Array(4).fill(value) });

/** The checkpoint of an epoch, its weight the epoch's number; each is the best so far. */
export function contentOf(epoch: number): CheckpointContent {
  const sums = { pictures: 0, loss: 0, top1: 0, top5: 0 };
  const best = { epoch, top1Error: 100 - epoch };
  return {
    position: { epoch, stepInEpoch: 0, step: 10 * epoch, sums, seconds: epoch, best },
    seed: 1,
    weights: new Map([['w', filled(epoch)]]),
    optimizer: new Map([['w.momentum', filled(-epoch)]]),
    metadata: {},
  };
}

/** What a training that takes up the folder finds, and how it leaves it. */
export function foundIn(folder: string) {
  const notes: string[] = [];
  const found = takeUpCheckpoint(folder, { keep: 2, onNote: (message) => notes.push(message) });
  const value = (name: string) =>
    readSafetensors(join(folder, `${name}.safetensors`)).tensors.get('w')?.data[0];
  return {
    epoch: found?.meta.position.epoch,
    weight: found?.tensors.get('w')?.data[0],
    momentum: found?.tensors.get('w.momentum')?.data[0],
    named: [value('last'), value('best')],
    kept: readdirSync(folder).filter((file) => file.startsWith('epoch-')),
    unfinished: readdirSync(folder).filter((file) => file.endsWith('.part')),
    notes,
  };
}

/** What is to be found where the checkpoint of `epoch` is the last one. */
export function expectedOf(epoch: number) {
  const kept = [epoch - 1, epoch].filter((each) => each > 0).map((each) => `epoch-000${each}.safetensors`);
  return { epoch, weight: epoch, momentum: -epoch, named: [epoch, epoch], kept, unfinished: [], notes: [] };
}
