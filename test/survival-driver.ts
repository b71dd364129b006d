// A training in a process of its own, for tests that kill it: `node test/survival-driver.ts JSON`. It says on stdout
// where it stands, at once, so that what was said before a kill is not lost; its checkpoints are written slowly,
// in small pieces, so that a kill at a random moment often comes in the middle of one.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { UserError } from '../src/errors.ts';
import type { TrainOptions } from '../src/train/options.ts';
import { train } from '../src/train/trainer.ts';
import { writeSafetensors } from '../src/weights/safetensors.ts';

export interface DriverRequest {
  readonly options: Omit<TrainOptions, 'engine' | 'writeTensors' | 'onEvent' | 'signal'>;
  /** Pause after each of eight pieces of a tensor file, ms; 0: files are written as ever. */
  readonly pauseMs: number;
}

const { options, pauseMs } = JSON.parse(process.argv[2] as string) as DriverRequest;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The same bytes in the same order of calls as `writeSafetensors`, with time between them. */
const slowly: typeof writeSafetensors = (path, tensors, metadata) => {
  const whole = `${options.out}-${process.pid}-whole`;
  writeSafetensors(whole, tensors, metadata);
  const bytes = readFileSync(whole);
  rmSync(whole);
  const part = `${path}.${process.pid}.part`;
  const file = openSync(part, 'w');
  const piece = Math.ceil(bytes.length / 8);
  for (let at = 0; at < bytes.length; at += piece) {
    writeSync(file, bytes, at, Math.min(piece, bytes.length - at));
    sleep(pauseMs);
  }
  fsyncSync(file);
  closeSync(file);
  sleep(pauseMs);
  renameSync(part, path);
  sleep(pauseMs);
};

try {
  const result = await train({
    ...options,
    engine: 'reference',
    ...(pauseMs > 0 && { writeTensors: slowly }),
    onEvent(event) {
      if (event.type === 'start') say(`start ${event.fromStep}`);
      if (event.type === 'step') say(`step ${(event.epoch - 1) * event.stepsPerEpoch + event.step}`);
      if (event.type === 'checkpoint') say(`checkpoint ${event.step}`);
      if (event.type === 'note') say(`note ${event.message}`);
    },
  });
  say(`end ${result.status}`);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  say(`error ${error.message}`);
  process.exitCode = error.exitCode;
}
