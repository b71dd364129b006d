import { describe, expect, it } from 'vitest';
import { allocateDataset } from '../data/dataset.ts';
import { lenet } from '../nets/families/lenet.ts';
import { resnet18 } from '../nets/families/resnet.ts';
import type { FormDescription } from '../nets/network.ts';
import {
  checkPictures,
  decodeModelInfo,
  encodeModelInfo,
  type ModelInfo,
  normalisationOf,
  paddingFor,
} from './preprocessing.ts';

const info: ModelInfo = {
  network: 'lenet',
  form: 'article',
  classes: ['T-shirt/top', 'Trouser "x"', 'ä'],
  dataset: 'fashion-mnist',
  preprocessing: {
    channels: 1,
    height: 28,
    width: 28,
    pad: 2,
    normalise: { mean: [0.1 + 0.2], std: [1 / 3] },
  },
};

function pictures(channels: number, height: number, width: number, name = 'own') {
  return allocateDataset({
    name,
    split: 'train',
    length: 2,
    channels,
    height,
    width,
    classes: ['a'],
    path: '.',
  });
}

describe('paddingFor', () => {
  const forms = { paper: lenet.forms.imagenet, article: lenet.forms.article, cifar: resnet18.forms.cifar };
  it.each([
    ['paper', 28, 28, 2],
    ['paper', 32, 32, 0],
    ['article', 28, 28, 0],
    ['cifar', 28, 28, 2],
    ['cifar', 32, 32, 0],
    ['cifar', 29, 29, 0],
    ['cifar', 16, 16, 0],
    ['cifar', 64, 64, 0],
    ['cifar', 28, 30, 0],
  ] as const)('%s form, %ix%i: %i', (form, height, width, padding) => {
    const size = { name: 'own', channels: 1, height, width };
    expect(paddingFor(forms[form] as FormDescription, size)).toBe(padding);
  });
});

describe('normalisationOf', () => {
  it('takes the published numbers of a known set', () => {
    expect(normalisationOf('cifar-100', pictures(3, 32, 32, 'cifar-100')).std[0]).toBe(0.26733429);
  });

  it('measures others, and leaves a channel without contrast its scale', () => {
    const own = pictures(2, 1, 1);
    own.pixels.set([0, 51, 255, 51]);
    expect(normalisationOf('own', own)).toEqual({ mean: [0.5, 0.2], std: [0.5, 1] });
  });
});

describe('model info', () => {
  it('comes back from a file’s metadata exactly', () => {
    expect(decodeModelInfo(encodeModelInfo(info))).toEqual(info);
  });

  it('keeps what a picture file needs, and the network’s options', () => {
    const preprocessing: ModelInfo['preprocessing'] = {
      ...info.preprocessing,
      resize: 256,
      interpolation: 'bicubic',
      range: 255,
      order: 'BGR',
    };
    const full: ModelInfo = { ...info, preprocessing, options: { groups: 1, se: 'pre', lrn: false } };
    const back = decodeModelInfo(encodeModelInfo(full));
    expect(back).toEqual(full);
    expect(Object.keys(decodeModelInfo(encodeModelInfo(info))?.preprocessing ?? {})).toHaveLength(5);
  });

  it.each<Record<string, string>>([
    { resize: '0.5' },
    { interpolation: 'cubic' },
    { range: '256' },
    { order: 'GBR' },
    { options: '[[]]' },
    { format: 'pt' },
    { classes: '{}' },
    { classes: 'x' },
    { size: '[1,28]' },
    { mean: '[null]' },
    { form: 'tall' },
  ])('is absent where it is foreign or broken: %j', (changes) => {
    expect(decodeModelInfo({ ...encodeModelInfo(info), ...changes })).toBeUndefined();
  });

  it('refuses other pictures by their size', () => {
    expect(() => checkPictures(info.preprocessing, pictures(3, 32, 32, 'cifar-10'))).toThrow(
      /pictures of cifar-10 are 3x32x32, but the weights were trained on 1x28x28/,
    );
    expect(() => checkPictures(info.preprocessing, pictures(1, 28, 28))).not.toThrow();
  });
});
