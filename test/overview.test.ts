// The verbs that only look: doctor, nets, summary; and what `--json` promises.
import { describe, expect, it } from 'vitest';
import { laurel } from './cli.ts';

/** The one JSON object that is all of stdout. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await laurel([...args, '--json']);
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout);
}

describe('laurel summary', () => {
  it('counts LeNet as its paper has it, layer by layer', async () => {
    const { params, macs, layers } = await json('summary', 'lenet');
    expect(params).toBe(61_706);
    expect(macs).toBe(416_520);
    expect(layers).toContainEqual({
      name: 'conv2',
      op: 'convolution',
      outputShape: [16, 10, 10],
      params: 2416,
      macs: 240_000,
      receptiveField: 14,
      jump: 2,
    });
  });

  it.each([
    [['lenet', '--form', 'article'], 44_426],
    [['resnet18', '--form', 'cifar'], 11_220_132],
    [['resnet34', '--form', 'cifar'], 21_328_292],
    [['resnet18', '--form', 'cifar', '--classes', '10'], 11_173_962],
  ])('%j has %d parameters', async (args, params) => {
    expect((await json('summary', ...args)).params).toBe(params);
  });

  it('prints an aligned table, and says how a form leaves its paper', async () => {
    const { stdout } = await laurel(['summary', 'lenet', '--form', 'article']);
    expect(stdout).toMatch(/^conv1 +convolution +6x24x24 +156 +86,400 +5 +1$/m);
    expect(stdout).toMatch(/^44,426 parameters, 281,640 MACs/m);
    expect(stdout).toMatch(/^Differs from the paper: ReLU instead of tanh/m);
    expect(stdout).not.toContain('\x1b');
  });
});

describe('laurel nets', () => {
  it('lists every network with its forms', async () => {
    const { networks } = (await json('nets')) as { networks: { name: string; forms: { form: string }[] }[] };
    const names = networks.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['lenet', 'resnet18']));
    expect(networks.find(({ name }) => name === 'lenet')?.forms.map(({ form }) => form)).toEqual([
      'imagenet',
      'cifar',
      'article',
    ]);
  });
});

describe('laurel doctor', () => {
  it('names engine, node, data sets and what is missing', async () => {
    const found = await json('doctor');
    expect(['onednn', 'reference']).toContain(found.engine);
    expect(found.node).toMatch(/^v(2[2-9]|[3-9]\d)\./);
    expect(found.dtypes).toContain('f32');
    expect((found.datasets as { name: string }[]).map(({ name }) => name)).toContain('fashion-mnist');
  });

  it('names the command that installs oneDNN where it is absent', async () => {
    const { code, stdout } = await laurel(['doctor', '--json'], {
      env: { LAUREL_ONEDNN: '/no/such/library.so' },
    });
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ engine: 'reference', library: null });
    expect(found.missing).toMatchObject([
      { what: 'oneDNN', command: expect.stringMatching(/install|pacman/) },
    ]);
  });
});

describe('help', () => {
  it.each([
    'doctor',
    'nets',
    'summary',
    'train',
    'eval',
    'classify',
    'forward',
    'bench',
    'compare',
    'diff',
    'draw',
    'convert',
    'inspect',
    'pull',
    'export',
  ])('laurel %s --help shows an example and --json', async (verb) => {
    const { code, stdout, stderr } = await laurel([verb, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  laurel ${verb}`));
    expect(stdout).toContain('--json');
    expect(stderr).toBe('');
  });
});
