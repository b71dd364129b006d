// Every recipe that Laurel knows, by name.
import { didYouMean, UserError } from '../../errors.ts';
import { alexnet2012 } from './alexnet-2012.ts';
import { fast } from './fast.ts';
import { fineTune } from './fine-tune.ts';
import { googlenet2014 } from './googlenet-2014.ts';
import { lenetRecipe } from './lenet.ts';
import { pytorchCifar100 } from './pytorch-cifar100.ts';
import type { Recipe } from './recipe.ts';
import { resnet2015 } from './resnet-2015.ts';
import { resnetCifar10 } from './resnet-cifar10.ts';
import { resnext2016 } from './resnext-2016.ts';
import { senet2017 } from './senet-2017.ts';
import { torchvision } from './torchvision.ts';
import { vgg2014 } from './vgg-2014.ts';
import { zfnet2013 } from './zfnet-2013.ts';

/** All recipes: the champions' by year, those of well-known training programs, and our own. */
export const recipes: readonly Recipe[] = [
  alexnet2012,
  zfnet2013,
  vgg2014,
  googlenet2014,
  resnet2015,
  resnetCifar10,
  resnext2016,
  senet2017,
  torchvision,
  pytorchCifar100,
  fast,
  fineTune,
  lenetRecipe,
];

/** The recipe of that name; a UserError (misuse) with the nearest names for one that there is not. */
export function findRecipe(name: string): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = recipes.map((recipe) => recipe.name);
  throw new UserError(`There is no recipe named '${name}'.${didYouMean(name, names)}`, { exitCode: 2 });
}

/** The recipe that a network is trained with when none is asked for; `transferred`: from weights that it has. */
export function defaultRecipe(network: string, transferred = false): Recipe {
  if (transferred) return fineTune;
  return network === 'lenet' ? lenetRecipe : fast;
}
