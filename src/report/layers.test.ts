import { describe, expect, it } from 'vitest';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { stageLayers } from './layers.ts';

describe('the layers that a report shows by default', () => {
  it.each([
    ['lenet', ['conv1', 'conv2']],
    ['zfnet', ['relu1', 'relu2', 'relu5']],
    ['vgg16', ['features.3', 'features.8', 'features.15', 'features.22', 'features.29']],
    ['googlenet', ['conv1', 'conv3', 'inception3b', 'inception4e', 'inception5b']],
    ['resnet18', ['bn1', 'layer1', 'layer2', 'layer3', 'layer4']],
  ])('%s: the last one at each size of the maps, under its shortest path', (name, expected) => {
    expect(stageLayers(buildNetwork(findNetwork(name)))).toEqual(expected);
  });
});
