import { describe, expect, it } from 'vitest';
import { allocateDataset, type Dataset } from './dataset.ts';
import { classesOf, splitRequest } from './subset.ts';

function sample(): Dataset {
  const dataset = allocateDataset({
    name: 'colours',
    split: 'train',
    path: '/data',
    length: 6,
    channels: 1,
    height: 1,
    width: 2,
    classes: ['red', 'green', 'blue'],
  });
  dataset.labels.set([0, 1, 2, 2, 1, 0]);
  dataset.pixels.set([0, 1, 10, 11, 20, 21, 22, 23, 12, 13, 2, 3]);
  return dataset;
}

describe('a part of the classes', () => {
  it('is asked for behind the name', () => {
    expect(splitRequest('cifar-100')).toEqual({ name: 'cifar-100' });
    expect(splitRequest('cifar-100@10')).toEqual({ name: 'cifar-100', part: '10' });
  });

  it('takes the first classes', () => {
    const { name, classes, labels, pixels, length } = classesOf(sample(), '2', 'colours@2');
    expect({ name, classes, length }).toEqual({ name: 'colours@2', classes: ['red', 'green'], length: 4 });
    expect([...labels]).toEqual([0, 1, 1, 0]);
    expect([...pixels]).toEqual([0, 1, 10, 11, 12, 13, 2, 3]);
  });

  it('takes named classes in their order', () => {
    const { classes, labels } = classesOf(sample(), 'blue, red', 'colours@blue,red');
    expect(classes).toEqual(['blue', 'red']);
    expect([...labels]).toEqual([1, 0, 0, 1]);
  });

  it.each([
    ['4', /asks for 4 classes; colours has 3. Ask for 2 to 3/],
    ['1', /Ask for 2 to 3/],
    ['red,gren', /no class 'gren'. Did you mean green/],
    ['red', /asks for 1 classes; expected two or more/],
    ['red,red', /two or more different/],
  ])('refuses %s', (part, message) => {
    expect(() => classesOf(sample(), part, `colours@${part}`)).toThrow(message);
  });
});
