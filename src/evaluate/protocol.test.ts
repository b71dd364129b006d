import { describe, expect, it } from 'vitest';
import type { Preprocessing } from './preprocessing.ts';
import { describeProtocol, protocolFor } from './protocol.ts';

const normalise = { mean: [0, 0, 0], std: [1, 1, 1] };
const imagenet: Preprocessing = { channels: 3, height: 224, width: 224, pad: 0, resize: 256, normalise };
const whole: Preprocessing = { channels: 3, height: 32, width: 32, pad: 0, normalise };

describe('protocolFor', () => {
  it.each([
    ['1', undefined, [256], 1, /one crop: short side 256, centre 224x224$/],
    ['10', undefined, [256], 10, /10 crops of 224x224.* averaged over 10 views$/],
    ['10', [256, 384], [256, 384], 20, /short side 256, 384, .* averaged over 20 views$/],
    [
      '144',
      undefined,
      [256, 288, 320, 352],
      144,
      /144 crops of 224x224: short side 256, 288, 320, 352, 3 squares/,
    ],
    ['dense', [256, 384, 512], [256, 384, 512], 6, /^dense: short side 256, 384, 512, /],
  ] as const)('%s at %j', (crops, scales, wanted, views, words) => {
    const protocol = protocolFor({ crops, scales }, imagenet);
    expect(protocol).toMatchObject({ crops, scales: wanted, views });
    expect(describeProtocol(protocol)).toMatch(words);
  });

  it('shows small pictures whole, and says so', () => {
    const protocol = protocolFor({}, whole);
    expect(describeProtocol(protocol)).toBe('one view per picture: the whole of it');
    expect(describeProtocol(protocol, 2)).toBe(
      'one view per picture: the whole of it; 2 models, softmax averaged',
    );
  });

  it('takes GoogLeNet’s scales in proportion to other crops', () => {
    expect(protocolFor({ crops: '144' }, { ...imagenet, height: 112, width: 112 }).scales).toEqual([
      128, 144, 160, 176,
    ]);
  });

  it('refuses scales without room, and ten crops of a whole picture', () => {
    expect(() => protocolFor({ scales: [256, 200] }, imagenet)).toThrow(
      /scale of 200 px .* no crop of 224x224/,
    );
    expect(() => protocolFor({ crops: '10' }, whole)).toThrow(/no room for 10 crops/);
    expect(protocolFor({ crops: '10', scales: [36] }, whole).views).toBe(10);
    expect(() => protocolFor({ crops: '144' }, { ...imagenet, width: 256 })).toThrow(/cut from squares/);
  });
});
