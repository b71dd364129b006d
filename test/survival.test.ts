// Trainings that have to survive: killed, stopped, with full, read-only and vanished disks, damaged files and clocks
// that jump. Each is taken up again and ends with the numbers of the same training left alone, to the bit.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { readMetrics } from '../src/run/metrics.ts';
import { readMeta } from '../src/train/checkpoint/save.ts';
import { train } from '../src/train/trainer.ts';
import type { writeSafetensors } from '../src/weights/safetensors.ts';
import { bin, laurel } from './cli.ts';
import {
  begin,
  type Driven,
  filesOf,
  killAtRandom,
  lastOf,
  notesOf,
  numbersOf,
  quickFolder,
  smallTraining,
} from './survival.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** Six epochs of five steps. */
const small = smallTraining({ epochs: 6 });
let alone: Driven;
let numbers: object;
let runs = 1;

beforeAll(async () => {
  alone = small(0, 'alone');
  const { lines, stderr } = await begin({ options: alone, pauseMs: 0 }).ended;
  expect(lines.at(-1), stderr).toBe('end finished');
  numbers = numbersOf(alone.out);
});

/** The same training, to a folder of its own. */
function again(): Driven {
  const options = small(0, `again-${runs++}`);
  return { ...options, seed: alone.seed };
}

/** Goes on with it to its end, and gives what was said. */
async function goOn(options: Driven): Promise<readonly string[]> {
  const { lines, stderr } = await begin({ options: { ...options, resume: true }, pauseMs: 0 }).ended;
  expect(lines.at(-1), stderr).toBe('end finished');
  return lines;
}

/** A training that is killed when its checkpoint of `step` is there. */
async function killedAfter(step: number): Promise<Driven> {
  const options = again();
  const life = begin({ options, pauseMs: 4 });
  await life.until(`checkpoint ${step}`);
  life.kill('SIGKILL');
  expect((await life.ended).killedBy).toBe('SIGKILL');
  return options;
}

describe('kill -9', () => {
  it('at eight random moments loses no checkpoint and changes no bit', async () => {
    const report = await killAtRandom(8, 1, smallTraining({ epochs: 6 }));
    expect(report.kills).toBe(8);
  });

  it('leaves half-written files, which go away, and a lock that nobody holds', async () => {
    const options = await killedAfter(9);
    for (const file of ['config.json', 'checkpoints/last.json', 'figures/loss.png', 'metrics.jsonl']) {
      mkdirSync(join(options.out, 'figures'), { recursive: true });
      writeFileSync(join(options.out, `${file}.4194305.part`), 'half');
    }
    // A living process may be about to give its file its name.
    writeFileSync(join(options.out, `figures/other.png.${process.pid}.part`), 'half');
    expect(existsSync(join(options.out, '.lock'))).toBe(true);
    await goOn(options);
    rmSync(join(options.out, `figures/other.png.${process.pid}.part`));
    expect(numbersOf(options.out)).toEqual(numbers);
    expect(filesOf(options.out)).not.toContain('.lock');
  });

  it('between an epoch that was validated and its checkpoint writes the epoch down once', async () => {
    // Stopped inside the first validation, taken up, and killed where the epoch stands in metrics.jsonl already.
    const options = again();
    const engine = createReferenceEngine();
    const controller = new AbortController();
    const stopped = await train({
      ...options,
      engine,
      signal: controller.signal,
      onEvent: (event) => event.type === 'evaluate' && controller.abort(),
    });
    expect(stopped).toMatchObject({ status: 'interrupted', epochs: 0 });
    const full: typeof writeSafetensors = () => {
      throw new Error('killed');
    };
    await expect(train({ ...options, engine, resume: true, writeTensors: full })).rejects.toThrow('killed');
    const epochs = () =>
      readMetrics(join(options.out, 'metrics.jsonl')).filter(({ kind }) => kind === 'epoch');
    expect(epochs()).toHaveLength(1);
    await goOn(options);
    expect(epochs()).toHaveLength(6);
    expect(numbersOf(options.out)).toEqual(numbers);
  });
});

describe('a damaged checkpoint', () => {
  const lastFile = (out: string, kind: 'weights' | 'optimizer') =>
    join(out, 'checkpoints', readMeta(join(out, 'checkpoints'), 'last')?.[kind]?.file as string);

  it.each<[string, (out: string) => void, RegExp]>([
    ['cut off', (out) => truncateSync(lastFile(out, 'weights'), 1000), /weights.safetensors has 1000 bytes/],
    ['lost', (out) => rmSync(lastFile(out, 'optimizer')), /optimizer.safetensors is missing/],
    [
      'changed by a bit',
      (out) => {
        const bytes = readFileSync(lastFile(out, 'weights'));
        const place = bytes.length - 1000;
        bytes[place] = (bytes[place] as number) ^ 16;
        writeFileSync(lastFile(out, 'weights'), bytes);
      },
      /weights.safetensors is damaged: its checksum differs/,
    ],
  ])('(%s) falls back to the one before it', async (_, damage, message) => {
    const options = await killedAfter(9);
    const step = readMeta(join(options.out, 'checkpoints'), 'last')?.position.step as number;
    damage(options.out);
    const lines = await goOn(options);
    expect(notesOf(lines)).toHaveLength(1);
    expect(notesOf(lines)[0]).toMatch(message);
    const from = Number(lines.find((line) => line.startsWith('start'))?.slice(6));
    const lost = step - from;
    expect(notesOf(lines)[0]).toMatch(
      new RegExp(
        `goes on from the checkpoint before, step ${from}; ${lost} steps? after it (is|are) trained again`,
      ),
    );
    expect(numbersOf(options.out)).toEqual(numbers);
  });

  it('is the end where the one before it is damaged too', async () => {
    const options = await killedAfter(9);
    truncateSync(lastFile(options.out, 'weights'), 10);
    writeFileSync(join(options.out, 'checkpoints', 'previous.json'), 'x');
    const { lines, code } = await begin({ options: { ...options, resume: true }, pauseMs: 0 }).ended;
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^error .*has 10 bytes.* and of the checkpoint before it previous.json is damaged/,
    );
    expect(code).toBe(1);
  });
});

describe('signals', () => {
  /** `laurel train`, and what is known when its `steps`-th step is written down. */
  async function stopped(out: string, signal: NodeJS.Signals, deaf = false) {
    const plan = ['--epochs', '2000', '--schedule', 'constant', '--batch', '5', '--log-every', '1'];
    const given = ['train', 'lenet', '--data', alone.data as string, '--out', out, '--engine', 'reference'];
    const child: ChildProcess = spawn(process.execPath, [bin, ...given, ...plan], { stdio: 'pipe' });
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise((resolve) => child.on('exit', (code, by) => resolve(code ?? by)));
    const metrics = join(out, 'metrics.jsonl');
    const reached = () => (readMetrics(metrics).at(-1)?.step ?? 0) as number;
    while (reached() < 3) {
      expect(child.exitCode, stderr).toBeNull();
      await sleep(20);
    }
    if (deaf) {
      child.stderr?.destroy();
      child.stdout?.destroy();
    }
    child.kill(signal);
    const at = reached();
    const code = await ended;
    return { code, at, saved: readMeta(join(out, 'checkpoints'), 'last')?.position.step as number, stderr };
  }

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s saves within two steps', async (signal, expected) => {
    const out = join(quickFolder(), 'run');
    const { code, at, saved, stderr } = await stopped(out, signal);
    expect(code, stderr).toBe(expected);
    expect(stderr).toMatch(/Stopping: saving a checkpoint/);
    expect(saved - at).toBeGreaterThanOrEqual(0);
    expect(saved - at).toBeLessThanOrEqual(2);
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')).status).toBe('interrupted');
  });

  it('SIGHUP saves too, though the terminal is gone', async () => {
    const out = join(quickFolder(), 'run');
    const { code, at, saved } = await stopped(out, 'SIGHUP', true);
    expect(code).toBe(129);
    expect(saved - at).toBeLessThanOrEqual(2);
  });

  it('SIGSTOP and SIGCONT leave the numbers alone, and the stop is not counted as training', async () => {
    const options = again();
    const life = begin({ options, pauseMs: 0 });
    await life.until('checkpoint 5');
    const firstEpoch = performance.now();
    await life.until('step 7');
    const before = performance.now();
    life.kill('SIGSTOP');
    await sleep(3000);
    const stoppedFor = (performance.now() - before) / 1000;
    life.kill('SIGCONT');
    await life.until('checkpoint 30');
    const took = (performance.now() - firstEpoch) / 1000;
    const { lines, stderr } = await life.ended;
    expect(lines.at(-1), stderr).toBe('end finished');
    expect(numbersOf(options.out)).toEqual(numbers);
    const epochs = readMetrics<{ kind: string; seconds: number }>(join(options.out, 'metrics.jsonl')).filter(
      ({ kind }) => kind === 'epoch',
    );
    const counted = (epochs.at(-1)?.seconds ?? Number.NaN) - (epochs[0]?.seconds ?? Number.NaN);
    // To within a tick of the clock and the writing of a checkpoint.
    expect(counted).toBeLessThan(took - stoppedFor + 1.5);
  });
});

describe('a run folder', () => {
  it('takes one training at a time, and readers all the while', async () => {
    const options = again();
    const life = begin({ options, pauseMs: 20 });
    await life.until('checkpoint 6');
    const other = await begin({ options: { ...options, resume: true }, pauseMs: 0 }).ended;
    expect(other.code).toBe(1);
    expect(other.lines).toHaveLength(1);
    expect(other.lines[0]).toMatch(
      new RegExp(
        `^error A training runs in ${options.out} already \\(process ${life.pid} on .*Wait until it ends`,
      ),
    );
    const reads = async (weights: string): Promise<void> => {
      const given = ['--data', options.data as string, '--engine', 'reference', '--json'];
      const { code, stdout, stderr } = await laurel(['eval', 'lenet', '--weights', weights, ...given]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout).n).toBe(7);
    };
    await reads(options.out);
    await reads(join(options.out, 'checkpoints/last.safetensors'));
    life.kill('SIGKILL');
    await life.ended;
    await goOn(options);
    expect(numbersOf(options.out)).toEqual(numbers);
  });

  it.each([
    ['deleted', 0],
    ['deleted inside the writing of a checkpoint', 30],
    ['moved', 15],
  ])('that is %s under a training ends it with a sentence, and does not come back', async (what, pauseMs) => {
    const options = again();
    const life = begin({ options, pauseMs });
    await life.until('checkpoint 6');
    await sleep(pauseMs * 5);
    const moved = `${options.out}-moved`;
    if (what === 'moved') renameSync(options.out, moved);
    else rmSync(options.out, { recursive: true, maxRetries: 3 });
    const { lines, code, stderr } = await life.ended;
    expect(lines.at(-1), stderr).toMatch(
      new RegExp(
        `^error The run folder ${options.out} was deleted, moved or replaced while the training ran`,
      ),
    );
    expect(code).toBe(1);
    expect(existsSync(options.out)).toBe(false);
    if (what !== 'moved') return;
    await goOn({ ...options, out: moved });
    expect(numbersOf(moved)).toEqual(numbers);
  });

  it('of another version, or none at all, is refused', async () => {
    const refused = async (config: object | undefined, message: RegExp, exitCode: number) => {
      const options = again();
      if (config !== undefined) {
        mkdirSync(options.out);
        writeFileSync(join(options.out, 'config.json'), JSON.stringify(config));
      }
      const { lines, code } = await begin({ options: { ...options, resume: true }, pauseMs: 0 }).ended;
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(message);
      expect(code).toBe(exitCode);
      expect(existsSync(options.out) ? readdirSync(options.out) : []).not.toContain('.lock');
    };
    await refused({ format: 'laurel-run-2' }, /is not the config of a run of this version/, 1);
    await refused(undefined, /holds no run to go on with \(no config.json\)/, 2);
  });
});

const mayMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe.skipIf(!mayMount)('a disk of its own (skipped where mounting is not allowed)', () => {
  /** Runs a shell script in which `$disk` is an empty tmpfs of that size and `train` the training. */
  function onDisk(size: string, options: Driven, script: string): string {
    const driver = join(import.meta.dirname, 'survival-driver.ts');
    const prelude = `
      disk=$1; mount -t tmpfs -o size=${size} tmpfs "$disk"
      train() { ${process.execPath} ${driver} "$1"; echo "code $?"; }
      first=$2; more=$3; longer=$4`;
    const request = (changes: Partial<Driven>) =>
      JSON.stringify({ options: { ...options, ...changes }, pauseMs: 0 });
    const longer = { ...options.overrides, epochs: 8 };
    const given = [request({}), request({ resume: true }), request({ resume: true, overrides: longer })];
    const shell = ['-rm', 'sh', '-c', `${prelude}\n${script}`, 'sh', join(options.out, '..'), ...given];
    return execFileSync('unshare', shell, { encoding: 'utf8' });
  }

  it('that fills up ends the training with a sentence; with room again it goes on', () => {
    const folder = join(quickFolder(), 'disk');
    const kept = join(quickFolder(), 'run');
    mkdirSync(folder);
    const options = { ...again(), out: join(folder, 'run') };
    const said = onDisk(
      '1200k',
      options,
      `train "$first"; ls "$disk/run/checkpoints" | grep -c part
       mount -o remount,size=20m "$disk"; train "$more"; cp -r "$disk/run" ${kept}`,
    ).split('\n');
    const full = said.findIndex((line) => line.startsWith('error'));
    expect(said[full]).toMatch(/^error Cannot write .*: the disk is full\. Free some space/);
    expect(said.slice(full + 1, full + 3)).toEqual(['code 1', '0']);
    const saved = lastOf(said.slice(0, full), 'checkpoint') ?? 0;
    expect(lastOf(said.slice(full), 'start')).toBe(saved);
    expect(saved).toBeGreaterThan(0);
    expect(said.at(-2)).toBe('code 0');
    expect(numbersOf(kept)).toEqual(numbers);
  });

  it('that is read-only is refused before any work', () => {
    const folder = join(quickFolder(), 'disk');
    mkdirSync(folder);
    const options = {
      ...again(),
      out: join(folder, 'run'),
      overrides: { ...again().overrides, schedule: 'constant' },
    };
    const said = onDisk('20m', options, 'train "$first"; mount -o remount,ro "$disk"; train "$longer"').split(
      '\n',
    );
    expect(said).toContain('end finished');
    expect(said.at(-3)).toMatch(
      /^error Cannot write to .*run: the file system is read-only\. Choose another/,
    );
    expect(said.at(-2)).toBe('code 1');
  });
});

describe('a clock that jumps', () => {
  it('changes neither the numbers nor the time that a training took', async () => {
    const options = again();
    const day = 86_400_000;
    let jump = 0;
    const real = Date.now.bind(Date);
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => real() + jump);
    const began = performance.now();
    const etas: number[] = [];
    try {
      const engine = createReferenceEngine();
      const controller = new AbortController();
      const onEvent: Parameters<typeof train>[0]['onEvent'] = (event) => {
        if (event.type !== 'step') return;
        etas.push(event.etaSeconds);
        jump = (event.step % 2 === 0 ? -1 : 1) * 3 * day;
        if (event.epoch === 3) controller.abort();
      };
      await train({ ...options, engine, onEvent, signal: controller.signal });
      jump = -300 * day;
      const result = await train({ ...options, engine, resume: true });
      const took = (performance.now() - began) / 1000;
      expect(result.seconds).toBeGreaterThan(0);
      expect(result.seconds).toBeLessThan(took);
      expect(etas.every((eta) => eta >= 0 && eta < 3600)).toBe(true);
    } finally {
      clock.mockRestore();
    }
    expect(numbersOf(options.out)).toEqual(numbers);
    expect(readdirSync(join(options.out, 'tensorboard'))).toHaveLength(2);
  });
});
