import { describe, expect, it } from 'vitest';
import { smallTransform } from '../loader-testing.ts';
import { checkTransform, type PictureTransform, type TrainingTransform } from './transform.ts';

const train = smallTransform.train as TrainingTransform;
const square = { kind: 'short-side', least: 40, most: 40, square: true } as const;
const mean = { side: 40, values: new Float32Array(4800) };

describe('checkTransform', () => {
  it.each<[Partial<PictureTransform>]>([
    [{}],
    [{ train: null }],
    [{ train: { ...train, scale: square, crops: 'ten' }, meanPicture: mean }],
    [{ train: null, meanPicture: mean }],
    [
      {
        train: {
          ...train,
          colour: { kind: 'photometric', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.5 },
        },
      },
    ],
  ])('takes %j', (change) => {
    expect(() => checkTransform({ ...smallTransform, ...change })).not.toThrow();
  });

  it.each<[string, Partial<PictureTransform>]>([
    ['height of the crop is 0', { size: { height: 0, width: 5 } }],
    ['short side before the crop is 31; expected a whole number of px of at least 32', { resize: 31 }],
    ['mean and std need three numbers each', { normalise: { mean: [0.5], std: [0.2] } }],
    ['std is 0, 1, 1; expected numbers above 0', { normalise: { mean: [0, 0, 0], std: [0, 1, 1] } }],
    [
      'mean picture has 5 numbers, expected 3 x 40²',
      { meanPicture: { side: 40, values: new Float32Array(5) } },
    ],
    [
      "mean picture's side is 36 px; expected the short side, 40 px",
      { meanPicture: { side: 36, values: new Float32Array(3888) } },
    ],
    ['mean picture does not fit crops of varying area', { meanPicture: mean }],
    [
      'mean picture belongs to square pictures of one size',
      { meanPicture: mean, train: { ...train, scale: { ...square, most: 48 } } },
    ],
    ['least short side is 20', { train: { ...train, scale: { ...square, least: 20 } } }],
    ['largest short side is 30', { train: { ...train, scale: { ...square, most: 30 } } }],
    [
      'least share of the area is 0',
      { train: { ...train, scale: { kind: 'area', least: 0, most: 1, aspect: 1 } } },
    ],
    [
      'largest share of the area is 0.1',
      { train: { ...train, scale: { kind: 'area', least: 0.5, most: 0.1, aspect: 1 } } },
    ],
    [
      'aspect is 0.75; expected a number from 1',
      { train: { ...train, scale: { kind: 'area', least: 0.5, most: 1, aspect: 0.75 } } },
    ],
    ['ten sub-crops belong to a short side', { train: { ...train, crops: 'ten' } }],
    [
      'three eigenvalues',
      { train: { ...train, colour: { kind: 'pca', deviation: 0.1, values: [1], vectors: [] } } },
    ],
    [
      'hue is 0.6; expected a number from 0 to 0.5',
      {
        train: {
          ...train,
          colour: { kind: 'photometric', brightness: 0, contrast: 0, saturation: 0, hue: 0.6 },
        },
      },
    ],
    ['deviation of the colours is -1', { train: { ...train, colour: { kind: 'shift', deviation: -1 } } }],
    ['probability of erasing is 2', { train: { ...train, erase: { probability: 2 } } }],
  ])('refuses: %s', (message, change) => {
    expect(() => checkTransform({ ...smallTransform, ...change })).toThrow(message);
  });
});
