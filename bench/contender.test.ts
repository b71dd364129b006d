// Contenders that pretend: small programs that speak the protocol and take as long as they are told.
import { afterEach, describe, expect, it } from 'vitest';
import { compete, type Entrant, verdict, type Work } from './compete.ts';
import { alternate, type Contender, restMs, startContender, takeTurns } from './contender.ts';

const started: Contender[] = [];
afterEach(() => {
  for (const contender of started.splice(0)) contender.stop();
});

/** Says each step took `ms`; its answers to named works are ten times as long for each letter of the name. */
const program = (ms: number): string[] => [
  '-e',
  `console.log(JSON.stringify({ library: 'pretence', threads: 1, warmMs: ${ms} }));
   require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
     const [count, item = ''] = line.split(' ');
     console.log(JSON.stringify(Array(Number(count)).fill(${ms} * 10 ** item.length)));
   });`,
];

async function start(name: string, ms: number): Promise<Contender> {
  const contender = await startContender(name, process.execPath, program(ms));
  started.push(contender);
  return contender;
}

describe('startContender', () => {
  it('hands on facts, times and named works, and knows the memory of the process', async () => {
    const contender = await start('one', 2);
    expect(contender.facts).toEqual({ library: 'pretence', threads: 1, warmMs: 2 });
    expect(await contender.work(3)).toEqual([2, 2, 2]);
    expect(await contender.work(1, 'xy')).toEqual([200]);
    expect(contender.peakMiB()).toBeGreaterThan(10);
  });

  it('says why a contender ended', async () => {
    const failing = startContender('lost', process.execPath, [
      '-e',
      'console.error("no such library"); process.exit(1)',
    ]);
    await expect(failing).rejects.toThrow('lost ended: no such library');
    const crash =
      '[vm:7:0:7] Caught signal 8 (integer divide by zero)\\n==== backtrace ====\\n 0 main\\n=====';
    const crashing = startContender('hurt', process.execPath, [
      '-e',
      `console.error("${crash}"); process.exit(1)`,
    ]);
    await expect(crashing).rejects.toThrow('hurt ended: Caught signal 8 (integer divide by zero)');
    await expect(startContender('none', '/nowhere/python', [])).rejects.toThrow(/none ended: .*ENOENT/);
  });
});

describe('alternate', () => {
  it('gives the median of all turns', async () => {
    const [fast, slow] = [await start('fast', 1), await start('slow', 5)];
    const times = await alternate([fast, slow], 2, 3);
    expect([times.get(fast), times.get(slow)]).toEqual([1, 5]);
  });

  it('takes as many steps as fill a turn, and at least those asked for', async () => {
    const counts: number[] = [];
    const counting = (ms: number): Contender => ({
      ...{ name: 'counting', facts: {}, peakMiB: () => 0, stop: () => {} },
      async work(steps) {
        counts.push(steps);
        return Array<number>(steps).fill(ms);
      },
    });
    await alternate([counting(10), counting(90)], 1, 2, { turnMs: 100 });
    expect(counts).toEqual([1, 1, 10, 2]);
  });

  it('has more rounds where they fit into the time', async () => {
    const turns = await takeTurns([await start('one', 20)], 3, 1, { turnMs: 50, totalMs: 1000 });
    // Sixty milliseconds of steps and the rest before them.
    expect([...turns.values()].map((each) => [each.length, each[0]])).toEqual([[6, [20, 20, 20]]]);
    const long = await takeTurns([await start('one', 20)], 3, 1, { turnMs: 50, totalMs: 200 });
    expect([...long.values()][0]).toHaveLength(3);
  });

  it('rests before every turn, until the threads of the one before sleep', async () => {
    const rests: number[] = [];
    let ended = performance.now();
    const resting: Contender = {
      ...{ name: 'resting', facts: {}, peakMiB: () => 0, stop: () => {} },
      async work() {
        rests.push(performance.now() - ended);
        ended = performance.now();
        return [1];
      },
    };
    await alternate([resting, resting], 2, 1);
    expect(rests).toHaveLength(4);
    // Timers may come a millisecond early.
    for (const rest of rests) expect(rest).toBeGreaterThan(restMs - 2);
  });
});

describe('compete', () => {
  const work: Work = { net: 'lenet', form: 'imagenet', batch: 4, dtype: 'f32', what: 'train' };
  const options = { rounds: 1, steps: 1, log: () => {} };
  const entrant = (name: string, kind: Entrant['kind'], ...times: number[]): Entrant => ({
    name,
    kind,
    variants: times.map((ms) => [`takes ${ms}`, process.execPath, program(ms)] as const),
  });

  it('lets the fastest variant of each take part, and finds the fastest rival', async () => {
    const { rows, leftOut } = await compete(
      work,
      [
        entrant('Laurel', 'laurel', 4),
        entrant('PyTorch', 'eager', 12, 8),
        entrant('compiled', 'compiled', 6, 10),
      ],
      options,
    );
    expect(leftOut).toEqual([]);
    expect(rows.map(({ who, variant, msPerStep }) => [who, variant, msPerStep])).toEqual([
      ['Laurel', 'takes 4', 4],
      ['PyTorch', 'takes 8', 8],
      ['compiled', 'takes 6', 6],
    ]);
    expect(verdict(rows)).toMatchObject({ rival: { who: 'compiled' }, ratio: 1.5 });
  });

  it('compares turn by turn', () => {
    const row = { who: '', variant: '', msPerStep: 1, peakMiB: 0, facts: {} };
    // A clock that halves in the middle, and one turn that was disturbed.
    const ours = { ...row, kind: 'laurel', turns: [1, 1, 2, 2, 2] } as const;
    const theirs = { ...row, kind: 'onnxruntime', turns: [1.5, 1.5, 3, 3, 30] } as const;
    expect(verdict([ours, theirs]).ratio).toBe(1.5);
  });

  it('leaves out who cannot run, with the reason', async () => {
    const broken: Entrant = { name: 'PyTorch', kind: 'eager', variants: [['', '/nowhere/python', []]] };
    const { rows, leftOut } = await compete(work, [entrant('Laurel', 'laurel', 4), broken], options);
    expect(rows.map(({ who }) => who)).toEqual(['Laurel']);
    expect(leftOut).toEqual([expect.stringMatching(/^PyTorch ended: .*ENOENT/)]);
    expect(verdict(rows).ratio).toBeUndefined();
  });
});
