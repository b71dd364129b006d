// Logits, parameters and multiply-adds of SENets and of the 32x32 residual networks, against definitions in PyTorch
// that share nothing with ours (tools/torch/residual_fixtures.py made the file), from the same numbered weights.
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { costOf } from '../src/graph/cost.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import {
  buildOptions,
  cases,
  isLarge,
  itGivesTheLogits,
  nameOf,
  tolerance,
  worstError,
} from './senet-check.ts';

describe('residual networks give the logits of PyTorch', () => {
  for (const run of cases.filter((each) => !isLarge(each))) itGivesTheLogits(run);

  const small = cases.filter(
    (run) =>
      /^(resnet20 cifar|seresnet18 (imagenet|article))$/.test(`${run.network} ${run.form}`) &&
      nameOf(run).endsWith('{}'),
  );
  it.each(small.map((run) => [nameOf(run), run] as const))('%s on the reference engine', (_, run) => {
    expect(worstError(createReferenceEngine(), run)).toBeLessThan(tolerance);
  });
});

describe('residual networks have the size that PyTorch counts', () => {
  it.each(cases.map((run) => [nameOf(run), run] as const))('%s', (_, run) => {
    const { graph } = buildNetwork(findNetwork(run.network), buildOptions(run, 1));
    expect(costOf(graph)).toMatchObject({ parameters: run.parameters, macs: run.macs });
  });
});
