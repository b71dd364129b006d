import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addTransferFlags, type TransferFlags, transferRequest } from './transfer-options.ts';

function parse(...args: string[]): ReturnType<typeof transferRequest> {
  const command = addTransferFlags(
    new Command('train').exitOverride().configureOutput({ outputError: () => {} }),
  );
  command.option('--range <white>', '', Number).parse(args, { from: 'user' });
  return transferRequest(command.opts<TransferFlags>());
}

describe('the options of a transfer', () => {
  it('are a request of a training, and nothing where none is given', () => {
    expect(parse()).toBeUndefined();
    expect(parse('--range', '255')).toBeUndefined();
    expect(
      parse('--weights', 'w.pth', '--new-head', '--classes', '5', '--freeze', 'conv1, layer1'),
    ).toMatchObject({
      weights: 'w.pth',
      newHead: true,
      classes: 5,
      freeze: ['conv1', 'layer1'],
      preparation: undefined,
    });
    expect(parse('--train-only', 'head', '--group-lr', 'layer4=0.1, fc=1')).toMatchObject({
      trainOnly: ['head'],
      rates: { layer4: 0.1, fc: 1 },
    });
    expect(
      parse('--start-from', 'vgg11=a.pth', '--start-layers', '2,1', '--freeze-until', 'fc'),
    ).toMatchObject({
      startFrom: 'vgg11=a.pth',
      share: { first: 2, last: 1 },
      freezeUntil: 'fc',
    });
  });

  it('say how weights want pictures, in words that recipes have too', () => {
    const given = ['--mean', '104,117,123', '--std', '1', '--channel-order', 'BGR', '--range', '255'];
    expect(parse('--weights', 'caffe.safetensors', ...given)?.preparation).toMatchObject({
      mean: [104, 117, 123],
      std: [1],
      order: 'BGR',
      range: 255,
    });
  });

  it.each([
    [['--group-lr', 'layer4'], /Expected LAYER=FACTOR/],
    [['--group-lr', 'layer4=-1'], /Expected LAYER=FACTOR/],
    [['--start-layers', '4'], /Expected two numbers of layers/],
    [['--start-layers', '0,0'], /Expected two numbers of layers/],
    [['--start-layers', '4,x'], /Expected two numbers of layers/],
    [['--classes', '0'], /whole number of at least 1/],
    [['--freeze', 'a,,b'], /names with commas/],
  ])('refuse %j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});
