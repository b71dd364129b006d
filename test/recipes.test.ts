// `laurel recipes`, and a run that has options of any recipe, from the command line to its folder.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recipes } from '../src/train/recipes/index.ts';
import { writeSyntheticIdx } from '../src/train/testing.ts';
import { laurel, temporaryFolder } from './cli.ts';

describe('laurel recipes', () => {
  it('lists them all, for people and as JSON', async () => {
    const listed = await laurel(['recipes']);
    expect(listed.code).toBe(0);
    for (const { name } of recipes) expect(listed.stdout).toContain(name);
    const json = await laurel(['recipes', '--json']);
    expect(JSON.parse(json.stdout).recipes).toEqual(JSON.parse(JSON.stringify(recipes)));
  });

  it('shows one in full, with what was chosen', async () => {
    const { stdout } = await laurel(['recipes', 'vgg-2014']);
    expect(stdout).toMatch(/Source\s+Simonyan & Zisserman, arXiv 1409\.1556/);
    expect(stdout).toMatch(/short side 256 to 512 px, random crop, mirrored, PCA colour 0\.1/);
    expect(stdout).toContain('- Scale jitter [256;512]');
  });

  it('names the nearest ones', async () => {
    const { code, stderr } = await laurel(['recipes', 'alexnet']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/no recipe named 'alexnet'\. Did you mean .*alexnet-2012/);
  });
});

describe('laurel train with options of any recipe', () => {
  it('prints and stores what it uses', async () => {
    const folder = temporaryFolder();
    const data = writeSyntheticIdx(join(folder, 'shapes'), { train: 40, test: 8, classes: 4 });
    const out = join(folder, 'run');
    const flags =
      '--recipe resnet-2015 --batch 8 --epochs 2 --lr 0.01 --ema 0.99 --mixup 0.2 --cutmix 1 --erase 0.25 ' +
      '--clip-norm 5 --accumulate 2 --stop-after 10 --patience 0 --initial glorot';
    const args = [
      'train',
      'lenet',
      '--form',
      'article',
      '--data',
      data,
      '--out',
      out,
      '--engine',
      'reference',
    ];
    const { code, stderr } = await laurel([...args, ...flags.split(' '), '--json']);
    expect(stderr).toMatch(/recipe resnet-2015: rate: 0\.01, times 0\.1 on a plateau of 0 epochs/);
    expect(stderr).toMatch(
      /gradients clipped to norm 5; loss: mixup 0\.2, CutMix 1; average: of weights, decay 0\.99/,
    );
    expect(stderr).toMatch(
      /do without these parts of resnet-2015: the choice of scale, the change of colours/,
    );
    expect(code).toBe(0);
    const { recipe } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(recipe).toMatchObject({
      name: 'resnet-2015',
      epochs: 2,
      accumulate: 2,
      stopAfter: 10,
      initial: 'glorot',
      average: { kind: 'ema', decay: 0.99 },
      mix: { mixup: 0.2, cutmix: 1 },
      schedule: { kind: 'plateau', factor: 0.1, patience: 0 },
    });
    expect(existsSync(join(out, 'checkpoints', 'last.safetensors'))).toBe(true);
  }, 60_000);
});
