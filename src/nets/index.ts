// Every network that Laurel knows, by name.
import { didYouMean, UserError } from '../errors.ts';
import { lenet } from './lenet.ts';
import type { NetworkDescription } from './network.ts';
import { resnet18, resnet34 } from './resnet.ts';

export const networks: readonly NetworkDescription[] = [lenet, resnet18, resnet34];

export function findNetwork(name: string): NetworkDescription {
  const found = networks.find((network) => network.name === name);
  if (found !== undefined) return found;
  const names = networks.map((network) => network.name);
  throw new UserError(`There is no network named '${name}'.${didYouMean(name, names)}`, { exitCode: 2 });
}
