// Every network in every form on pictures of its own size, as `networks.test.ts` has it on small ones.
import { describe, expect, it } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { networks } from '../../nets/index.ts';
import { buildNetwork, type Form, type NetworkDescription } from '../../nets/network.ts';
import { compareWithOnnx, formsOf } from './testing.ts';

const all = networks.flatMap((description): [string, NetworkDescription, Form][] =>
  formsOf(description).map((form) => [`${description.name} (${form})`, description, form]),
);

describe('onnxruntime gives our logits at full size for', () => {
  const { engine } = chooseEngine('auto');
  it.each(all)('%s', async (_, description, form) => {
    const network = buildNetwork(description, { form });
    const { error, foldedError = 0, sensitivity } = await compareWithOnnx(engine, network);
    expect(sensitivity).toBeGreaterThan(2e-3);
    expect(error).toBeLessThan(1e-4);
    expect(foldedError).toBeLessThan(1e-4);
  });
});
