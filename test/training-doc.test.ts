// docs/training.md names every recipe with its numbers and every option that replaces a part of one.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addRecipeFlags } from '../src/cli/train-options.ts';
import { recipes } from '../src/train/recipes/index.ts';

const text = readFileSync(new URL('../docs/training.md', import.meta.url), 'utf8');

describe('docs/training.md', () => {
  it.each(recipes.map((recipe) => [recipe.name, recipe] as const))('has %s as it is', (name, recipe) => {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\` | ${recipe.batch} |`));
    const cells = (row ?? '').split('|').map((cell) => cell.trim());
    expect(cells[3]).toBe(recipe.steps === undefined ? `${recipe.epochs} epochs` : `${recipe.steps} steps`);
    const leading = String(recipe.learningRate).replace(/^0/, '');
    expect(cells[4]).toContain(leading);
    expect(cells[5]).toContain(recipe.optimizer.weightDecay.toExponential());
    expect(cells[5]?.includes('on weights alone')).toBe(!recipe.optimizer.decayBiasAndNorm);
    expect(cells[6]).toBe(recipe.source);
  });

  it('names every option of a recipe', () => {
    const options = addRecipeFlags(new Command()).options.map(({ long }) => long as string);
    expect(options.length).toBeGreaterThan(40);
    expect(options.filter((option) => !text.includes(`\`${option}`))).toEqual([]);
  });
});
