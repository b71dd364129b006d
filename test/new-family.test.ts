// Adding a family takes one file and no change elsewhere: this adds one to a copy of the sources, and every command
// knows it.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, temporaryFolder } from './cli.ts';
import { writeBands } from './pictures.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const copy = temporaryFolder();

const family = `
import { flatten, relu } from '../../graph/ops/index.ts';
import type { Family } from '../network.ts';

export default {
  name: 'Twig',
  networks: [
    {
      name: 'twig',
      year: 2030,
      paper: 'A test',
      forms: {
        cifar: {
          channels: 3,
          height: 32,
          width: 32,
          classes: 10,
          options: { maps: { description: 'maps of the convolution', default: 4 } },
          deviations: ['It has no paper.'],
          build: (x, net, classes, { maps }) => {
            const h = net.maxPool(relu(net.conv(x, 'conv', maps as number, 3)), 'pool', 6);
            return net.linear(flatten(h), 'fc', classes);
          },
        },
      },
    },
  ],
} satisfies Family;
`;

beforeAll(() => {
  for (const part of ['src', 'bin', 'package.json', 'tsconfig.json']) {
    cpSync(join(checkout, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, 'src/nets/families/twig.ts'), family);
  writeBands(join(copy, 'bands'));
});

async function json(...args: string[]) {
  const command = [join(copy, 'bin/laurel.mjs'), ...args, '--json'];
  const { code, stdout, stderr } = await run(process.execPath, command, { cwd: copy });
  expect(stderr + stdout, args.join(' ')).not.toMatch(/"error"/);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('a family in a file of its own', () => {
  it('is listed, counted and varied', async () => {
    const { networks } = await json('nets');
    expect(networks.map(({ name }: { name: string }) => name)).toContain('twig');
    // 4 * 3*3*3 + 4, and 4*5*5 * 10 + 10.
    expect(await json('summary', 'twig')).toMatchObject({ params: 112 + 1010, macs: 108 * 900 + 1000 });
    expect((await json('summary', 'twig', '--set', 'maps=2')).params).toBe(56 + 510);
  });

  it('is compared and drawn', async () => {
    const { networks } = await json('compare', 'twig', 'resnet18', '--form', 'cifar');
    expect(networks.map(({ net }: { net: string }) => net).sort()).toEqual(['resnet18', 'twig']);
    await json('draw', 'twig', '--out', 'twig.svg');
    expect(readFileSync(join(copy, 'twig.svg'), 'utf8')).toMatch(/^<svg /);
  });

  it('trains, is evaluated and exported', async () => {
    const common = ['--data', 'bands', '--engine', 'reference'];
    const { status } = await json('train', 'twig', '--epochs', '1', ...common, '--out', 'run');
    expect(status).toBe('finished');
    const { n } = await json('eval', 'twig', '--weights', 'run', ...common);
    expect(n).toBe(60);
    await json('export', 'twig', '--weights', 'run', '--out', 'twig.onnx');
  });
});
