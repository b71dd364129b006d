// Every recipe that Laurel knows, by name.
import { didYouMean, UserError } from '../../errors.ts';
import { fast } from './fast.ts';
import { lenetRecipe } from './lenet.ts';
import { pytorchCifar100 } from './pytorch-cifar100.ts';
import type { Recipe } from './recipe.ts';

export const recipes: readonly Recipe[] = [pytorchCifar100, fast, lenetRecipe];

/** The recipe of that name; a UserError (misuse) with the nearest names for one that there is not. */
export function findRecipe(name: string): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = recipes.map((recipe) => recipe.name);
  throw new UserError(`There is no recipe named '${name}'.${didYouMean(name, names)}`, { exitCode: 2 });
}

/** The recipe that a network is trained with when none is asked for. */
export function defaultRecipe(network: string): Recipe {
  return network === 'lenet' ? lenetRecipe : fast;
}
