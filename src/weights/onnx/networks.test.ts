// Networks in every form: onnxruntime gives our logits, also with batch norms folded. So that the default run stays
// short, pictures have the smallest size that the network allows, and of networks with more than 30 million weights
// the first of each family stands for the others; `networks.slow.test.ts` has all of them at their own size.
import { describe, expect, it } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { elementCount } from '../../graph/tensor.ts';
import { families } from '../../nets/index.ts';
import {
  buildNetwork,
  type Family,
  type Form,
  type Network,
  type NetworkDescription,
} from '../../nets/network.ts';
import { compareWithOnnx, formsOf } from './testing.ts';

const sizes = [28, 32, 48, 64, 96, 128, 160, 192, 224];
const large = 30_000_000;

function smallest(description: NetworkDescription, form: Form): Network {
  for (const size of sizes) {
    try {
      return buildNetwork(description, { form, height: size, width: size });
    } catch {}
  }
  return buildNetwork(description, { form });
}

function weightCount({ graph }: Network): number {
  return [...graph.states.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** All of a family's networks, but only the first of the large ones. */
function representatives({ networks }: Family): [string, NetworkDescription, Form][] {
  let seen = false;
  return networks.flatMap((description) =>
    formsOf(description).flatMap((form): [string, NetworkDescription, Form][] => {
      const isLarge = weightCount(smallest(description, form)) > large;
      const skipped = isLarge && seen;
      seen ||= isLarge;
      return skipped ? [] : [[`${description.name} (${form})`, description, form]];
    }),
  );
}

describe('onnxruntime gives our logits for', () => {
  const { engine } = chooseEngine('auto');
  it.each(families.flatMap(representatives))('%s', async (_, description, form) => {
    const {
      error,
      foldedError = 0,
      sensitivity,
    } = await compareWithOnnx(engine, smallest(description, form));
    expect(sensitivity).toBeGreaterThan(2e-3);
    expect(error).toBeLessThan(1e-4);
    expect(foldedError).toBeLessThan(1e-4);
  });
});
