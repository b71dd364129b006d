// `laurel recipes [NAME]`: how networks are trained, with the source of each recipe and what was chosen where the
// source is silent.
import type { Command } from 'commander';
import type { Recipe } from '../train/recipes/recipe.ts';
import { dim, pairs, printResult, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

export function addRecipes(program: Command): void {
  const command = addVerb(
    program,
    'recipes',
    'list the ways to train, or show one',
    'laurel recipes',
    'laurel recipes resnet-2015',
  ).argument('[name]', 'one of them, in full');
  addJson(command).action(async (name: string | undefined, { json }: { json?: boolean }) => {
    const [{ recipes, findRecipe }, { describeRecipe, describeSchedule }] = await Promise.all([
      import('../train/recipes/index.ts'),
      import('../train/recipes/describe.ts'),
    ]);
    if (name !== undefined) {
      const recipe = findRecipe(name);
      printResult(json, recipe, () => describe(recipe, describeRecipe(recipe)));
      return;
    }
    printResult(json, { recipes }, () => {
      const rows = recipes.map((recipe) => [
        recipe.name,
        `${recipe.batch}`,
        recipe.steps === undefined ? `${recipe.epochs} epochs` : `${recipe.steps} steps`,
        describeSchedule(recipe.schedule, recipe.learningRate),
        `${recipe.optimizer.weightDecay}`,
      ]);
      const heading = ['recipe', 'batch', 'length', 'learning rate', 'weight decay'];
      return [
        table([heading, ...rows], ['left', 'right', 'right', 'left', 'right']),
        dim('\nlaurel recipes NAME shows one in full, laurel train NET --recipe NAME uses it.'),
      ].join('\n');
    });
  });
}

function describe(recipe: Recipe, words: [string, string][]): string {
  const choices = recipe.choices ?? [];
  return [
    pairs([['Recipe', recipe.name], ['Source', recipe.source], ...words]),
    ...(choices.length === 0 ? [] : ['', ...choices.map((choice) => `- ${choice}`)]),
  ].join('\n');
}
