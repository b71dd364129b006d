import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { imagenetClasses, imagenetNames } from '../data/imagenet-classes.ts';
import { classIndices, isImagenet } from './class-map.ts';

describe('classIndices', () => {
  it('finds a subset of the classes by name, whatever the order', () => {
    expect(classIndices(['cat', 'bird'], ['bird', 'cat', 'dog'], 'data')).toEqual([1, 0]);
    expect(classIndices(['Maple_Tree'], ['oak tree', 'maple tree'], 'data')).toEqual([1]);
  });

  it('keeps classes apart that differ in case alone', () => {
    expect(classIndices(['A', 'a'], ['a', 'A'], 'data')).toEqual([1, 0]);
    expect(() => classIndices(['É'], ['a', 'A'], 'data')).toThrow(/none of the 2 classes/);
  });

  it('knows ImageNet’s classes by identifier, short name, synonym and synset', () => {
    const folders = ['n02123159', 'tiger cat', 'Egyptian_cat', 'tabby, tabby cat', 'tabby cat'];
    expect(classIndices(folders, imagenetNames, 'data')).toEqual([282, 282, 285, 281, 281]);
  });

  it('refuses what is no class, and what could be two', () => {
    expect(() => classIndices(['n02123160'], imagenetNames, 'data')).toThrow(
      /'n02123160' is none of the 1000/,
    );
    expect(() => classIndices(['crane'], imagenetNames, 'data')).toThrow(
      /'crane' could be each of the classes crane \(n02012849\) and crane \(n03126707\)/,
    );
    expect(() => classIndices(['brid'], ['bird', 'cat'], 'data')).toThrow(/Did you mean bird/);
  });
});

describe('ImageNet’s classes', () => {
  it('are a thousand, with identifiers in order and names of their own', () => {
    expect(imagenetClasses).toHaveLength(1000);
    const wnids = imagenetClasses.map(({ wnid }) => wnid);
    expect(wnids).toEqual(wnids.toSorted());
    expect(wnids.every((wnid) => /^n\d{8}$/.test(wnid))).toBe(true);
    expect(new Set(imagenetNames).size).toBe(1000);
    expect(isImagenet(imagenetNames) && !isImagenet(imagenetNames.toReversed())).toBe(true);
  });

  const index = new URL('../../../shared/data/labels/imagenet_class_index.json', import.meta.url);
  it.skipIf(!existsSync(index))('are those of the published index (where that file is)', () => {
    const published: Record<string, [string, string]> = JSON.parse(readFileSync(index, 'utf8'));
    expect(imagenetClasses.map(({ wnid, synonyms }) => [wnid, synonyms.join(', ')])).toEqual(
      Array.from({ length: 1000 }, (_, i) => published[i]),
    );
  });
});
