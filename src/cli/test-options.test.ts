import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addShared } from './options.ts';
import { addTestFlags, type TestFlags, testRequest } from './test-options.ts';

function parse(...args: string[]) {
  const command = addShared(addTestFlags(new Command('eval')), 'set');
  command.exitOverride().configureOutput({ outputError: () => {} });
  command.parse(args, { from: 'user' });
  return command.opts<TestFlags & { set?: object }>();
}

describe('the options of eval and classify', () => {
  it('become what evaluate and classify take', () => {
    const given = parse(
      ...['--crops', 'dense', '--scales', '256,384', '--mean', '123,117,104', '--std', '1', '--range', '255'],
      ...['--ensemble', 'vgg16=a=b.safetensors', '--ensemble', 'zfnet=z', '--channel-order', 'BGR'],
      ...['--resize', '256', '--crop', '224', '--interpolation', 'bicubic'],
    );
    expect(testRequest(given)).toEqual({
      crops: 'dense',
      scales: [256, 384],
      ensemble: [
        { network: 'vgg16', weights: 'a=b.safetensors' },
        { network: 'zfnet', weights: 'z' },
      ],
      preprocessing: {
        mean: [123, 117, 104],
        std: [1],
        range: 255,
        order: 'BGR',
        resize: 256,
        crop: 224,
        interpolation: 'bicubic',
      },
    });
    expect(testRequest(parse()).crops).toBeUndefined();
  });

  it('collect the network’s own options', () => {
    expect(parse('--set', 'groups=1', '--set', 'name=a=b').set).toEqual({ groups: '1', name: 'a=b' });
  });

  it.each([
    [['--crops', '12'], /Expected 1, 10, 144, dense/],
    [['--scales', '256,x'], /Expected numbers with commas/],
    [['--scales', '2.5'], /Expected whole numbers of pixels/],
    [['--ensemble', 'vgg16'], /Expected NET=WEIGHTS/],
    [['--set', 'groups'], /Expected NAME=VALUE/],
    [['--range', '256'], /Expected 1, 255/],
  ])('refuse %j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });
});
