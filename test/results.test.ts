// docs/results.md shows what docs/results.json holds, and its experiments are commands that exist.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { knownDataset } from '../src/data/known.ts';
import { splitRequest } from '../src/data/subset.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';
import { findRecipe } from '../src/train/recipes/index.ts';
import { fillResults } from '../tools/results/page.ts';
import { allRuns, commandOf, experiments, rows, untrained } from '../tools/results/plan.ts';
import { readStore } from '../tools/results/store.ts';
import { verdictOf } from '../tools/results/verdict.ts';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
const store = readStore(`${docs}/results.json`);

describe('the page', () => {
  it('is what the stored results make of it', () => {
    const page = readFileSync(`${docs}/results.md`, 'utf8');
    expect(fillResults(page, store)).toBe(page);
  });

  it('holds results of the very commands that it shows', () => {
    const commands = new Map(allRuns().map((run) => [run.id, commandOf(run)]));
    for (const [id, { command }] of Object.entries(store)) expect(command).toBe(commands.get(id));
  });
});

describe('the runs', () => {
  const following = (given: readonly string[], flag: string): string => given[given.indexOf(flag) + 1] ?? '';

  it.each([...allRuns(), ...untrained].map((run) => [commandOf(run), run] as const))('%s', (_, run) => {
    const { arguments: given, network } = run;
    expect(knownDataset(splitRequest(following(given, '--data')).name)).toBeDefined();
    expect(findRecipe(following(given, '--recipe'))).toBeDefined();
    const set = given.flatMap((each, place) => (each === '--set' ? [given[place + 1] ?? ''] : []));
    const own = ['shortcut', 'cardinality', 'width'].filter((name) => given.includes(`--${name}`));
    const options = Object.fromEntries([
      ...set.map((pair) => pair.split('=')),
      ...own.map((name) => [name, following(given, `--${name}`)]),
    ]);
    const form = following(given, '--form') as Form;
    expect(buildNetwork(findNetwork(network), { form, options }).classes).toBe(100);
  });

  it('differ within an experiment in one thing alone', () => {
    for (const { runs } of experiments) {
      const [a, b] = runs.map((run) => [run.network, ...run.arguments]) as [string[], string[]];
      const shorter = a.filter((each) => !b.includes(each));
      expect(runs).toHaveLength(2);
      expect(shorter.length).toBeLessThanOrEqual(1);
    }
  });

  it('have folders of their own', () => {
    const ids = [...allRuns(), ...untrained].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(rows).toHaveLength(4);
  });
});

describe('a verdict', () => {
  const measured = (error: number, pictures = 1000) => ({ error, pictures });

  it('needs twice the standard error of the difference', () => {
    expect(verdictOf(measured(40), measured(50)).word).toBe('as claimed');
    expect(verdictOf(measured(50), measured(40)).word).toBe('contradicted');
    expect(verdictOf(measured(40), measured(42)).word).toBe('undecided');
    expect(verdictOf(measured(40, 100_000), measured(42, 100_000)).word).toBe('as claimed');
  });

  it('has the binomial standard error', () => {
    const { difference, deviation } = verdictOf(measured(50, 400), measured(50, 400));
    expect(difference).toBe(0);
    expect(deviation).toBeCloseTo(100 * Math.sqrt(2 * (0.25 / 400)), 10);
  });
});
