// oneDNN 2.6 against 3.7, the same checkout on both: typical convolutions of the zoo, forward and both gradients, each in
// the layouts and by the implementation that the engine chooses, and whole steps. 3.7 is that of the Debian 13 root.
import { alternate, type Contender, startContender } from './contender.ts';
import { measureCases } from './kept.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';
import { inDebian13, noDebian13 } from './pythons.ts';
import { significant } from './training-224.ts';
import { convolutions, directions, wholes } from './versions-work.ts';

const cases = ['convolutions', ...wholes.map(({ name }) => name)];
const worker = 'bench/versions-worker.ts';

interface Measured {
  readonly library: string;
  /** Milliseconds by work. */
  readonly ms: Readonly<Record<string, number>>;
  /** What computes it, by work. */
  readonly implementations: Readonly<Record<string, string>>;
}

async function bothVersions(
  works: readonly string[],
  rounds: number,
  steps: number,
  log: (line: string) => void,
): Promise<Measured[]> {
  const contenders: Contender[] = [];
  try {
    const inside = inDebian13(['node', worker, ...works]);
    for (const [name, command, args] of [
      ['here', process.execPath, [worker, ...works]],
      ['in the Debian 13 root', ...inside],
    ] as const) {
      log(`  starting ${name}`);
      contenders.push(await startContender(`versions ${name}`, command, args));
    }
    const ms = contenders.map((): Record<string, number> => ({}));
    for (const item of works) {
      const times = await alternate(contenders, rounds, steps, { turnMs: 100, item });
      for (const [i, contender] of contenders.entries())
        (ms[i] as Record<string, number>)[item] = times.get(contender) as number;
    }
    return contenders.map(({ facts }, i) => ({
      library: facts.library as string,
      ms: ms[i] ?? {},
      implementations: facts.implementations as Record<string, string>,
    }));
  } finally {
    for (const contender of contenders) contender.stop();
  }
}

export const versions: Part = {
  name: 'versions',
  async measure(options) {
    const reason = noDebian13('usr/lib/x86_64-linux-gnu/libdnnl.so');
    if (reason !== undefined) return `Nothing was measured.${leftOutList([`all: ${reason}`])}`;
    const { rounds, steps, log } = options;
    const { results, leftOut } = await measureCases<readonly Measured[]>('versions', cases, options, (name) =>
      bothVersions(
        name === 'convolutions'
          ? convolutions.flatMap(({ name: shape }) => directions.map((direction) => `${shape} ${direction}`))
          : [name],
        rounds,
        steps,
        log,
      ),
    );
    const [first] = results.values();
    const [here = '', there = ''] = first?.map(({ library }) => library) ?? [];
    const parts: string[] = [];
    const shapes = results.get('convolutions');
    if (shapes !== undefined) parts.push(shapeTable(shapes));
    const rows = wholes.flatMap(({ name, batch }) => {
      const [old, recent] = results.get(name) ?? [];
      if (old === undefined || recent === undefined) return [];
      const [a, b] = [old.ms[name] ?? Number.NaN, recent.ms[name] ?? Number.NaN];
      const speed = (ms: number): string => significant((1000 * batch) / ms);
      return [[name, speed(a), speed(b), `${(a / b).toFixed(2)}x`]];
    });
    if (rows.length > 0) parts.push(table(['whole steps, images/s', here, there, `speed of ${there}`], rows));
    return paragraphs(
      'Typical convolutions in f32, ms, forward / data gradient / weight gradient:',
      ...parts,
      leftOutList(leftOut),
    );
  },
};

function shapeTable([old, recent]: readonly Measured[]): string {
  if (old === undefined || recent === undefined) return '';
  const cell = ({ ms }: Measured, shape: string): string =>
    directions.map((direction) => (ms[`${shape} ${direction}`] ?? Number.NaN).toFixed(2)).join(' / ');
  const all = ({ ms }: Measured, shape: string): number =>
    directions.reduce((sum, direction) => sum + (ms[`${shape} ${direction}`] ?? Number.NaN), 0);
  const chosen = ({ implementations }: Measured, shape: string): string => {
    const names = directions.map((direction) => implementations[`${shape} ${direction}`] ?? '?');
    return new Set(names).size === 1 ? (names[0] as string) : names.join(' / ');
  };
  const rows = convolutions.map(({ name, of }) => [
    `${name} (${of})`,
    cell(old, name),
    cell(recent, name),
    `${(all(old, name) / all(recent, name)).toFixed(2)}x`,
    chosen(old, name),
    chosen(recent, name),
  ]);
  const heading = ['convolution', old.library, recent.library, `speed of ${recent.library}`];
  return table([...heading, `chosen in ${old.library}`, `chosen in ${recent.library}`], rows);
}
