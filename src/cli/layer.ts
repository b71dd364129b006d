// Finding a layer by the name that weights and `laurel summary` use.
import { didYouMean, UserError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';

/** The value that a module path stands for; the logits without a path. A slip gets the nearest paths. */
export function moduleValue(network: Network, path?: string): readonly [name: string, value: Value] {
  if (path === undefined) return ['logits', network.logits];
  const { modules } = network.graph;
  const value = modules.get(path);
  if (value !== undefined) return [path, value];
  throw new UserError(
    `${network.name} (form ${network.form}) has no layer '${path}'.${didYouMean(path, modules.keys())}`,
    { exitCode: 2 },
  );
}
