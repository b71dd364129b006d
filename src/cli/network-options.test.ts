import { describe, expect, it } from 'vitest';
import { createProgram } from './main.ts';
import { nameNetworkOptions } from './network-options.ts';

describe("a network's options by their own names", () => {
  it.each([
    ['summary alexnet --groups 1', 'summary alexnet --set groups=1'],
    ['summary alexnet --groups=1 --json', 'summary alexnet --set groups=1 --json'],
    ['summary zfnet --remove 34 --wide true', 'summary zfnet --set remove=34 --set wide=true'],
    ['summary alexnet --groups', 'summary alexnet --set groups'],
    // What the verb or nobody knows stays as it is.
    ['summary resnext50_32x4d --width 128', 'summary resnext50_32x4d --width 128'],
    ['summary lenet --groups 1', 'summary lenet --groups 1'],
    ['summary alexnet --bacth 1', 'summary alexnet --bacth 1'],
    ['summary lenet --gruops 1', 'summary lenet --gruops 1'],
    ['summary alexnet -- --gruops', 'summary alexnet -- --gruops'],
    ['inspect alexnet --groups 1', 'inspect alexnet --groups 1'],
    ['summary alexnet --help', 'summary alexnet --help'],
  ])('%s', async (given, meant) => {
    expect(await nameNetworkOptions(createProgram(), given.split(' '))).toEqual(meant.split(' '));
  });

  it.each([
    ['summary alexnet --gruops 1', "unknown option '--gruops' of alexnet. Did you mean --groups?"],
    ['summary zfnet --fce=2048', "unknown option '--fce' of zfnet. Did you mean --fc?"],
    ['train zfnet --wid true', "unknown option '--wid' of zfnet. Did you mean --wide?"],
  ])('a slip: %s', async (given, sentence) => {
    await expect(nameNetworkOptions(createProgram(), given.split(' '))).rejects.toThrow(sentence);
  });
});
