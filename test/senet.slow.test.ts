// The large networks of test/senet.test.ts, SENet-154 among them.
import { describe } from 'vitest';
import { cases, isLarge, itGivesTheLogits } from './senet-check.ts';

describe('large residual networks give the logits of PyTorch', () => {
  for (const run of cases.filter(isLarge)) itGivesTheLogits(run);
});
