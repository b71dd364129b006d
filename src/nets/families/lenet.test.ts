import { expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { buildNetwork } from '../network.ts';
import { lenet } from './lenet.ts';

it.each([
  ['imagenet', 61_706, 416_520, [1, 10]],
  // Two more input channels of conv1 and 90 more classes.
  ['cifar', 61_706 + 2 * 6 * 25 + 90 * 85, 416_520 + 2 * 6 * 25 * 28 * 28 + 90 * 84, [1, 100]],
  ['article', 44_426, 281_640, [1, 10]],
] as const)('lenet (%s) has its parameters, multiply-adds and classes', (form, parameters, macs, shape) => {
  const { graph, logits } = buildNetwork(lenet, { form });
  expect(costOf(graph)).toMatchObject({ parameters, macs });
  expect(logits.shape).toEqual(shape);
});

it('refuses pictures that its filters do not fit', () => {
  expect(() => buildNetwork(lenet, { height: 12, width: 12 })).toThrow(/does not allow pictures of 1x12x12/);
  expect(() => buildNetwork(lenet, { form: 'article', height: 32, width: 32 })).toThrow(/28x28 only/);
});
