// LeNet-5: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
// Proceedings of the IEEE 1998, section II.B. Layer names: the paper's C1, S2, C3, S4, C5, F6, output are
// conv1, pool1, conv2, pool2, fc1, fc2, fc3 here, as in the article.
//
// Choices where we leave the paper: C3 sees all maps of S2 (the paper's table I connects some of them);
// subsampling has no trainable coefficient; the squashing function is plain tanh; the output is a linear
// layer with softmax instead of distances to fixed bitmaps. 61,706 parameters.
import type { Value } from '../../graph/graph.ts';
import { flatten, relu, tanh } from '../../graph/ops/index.ts';
import type { Layers } from '../layers.ts';
import type { Family, FormDescription, NetworkDescription } from '../network.ts';

type Squash = (x: Value) => Value;
type Subsample = (x: Value, name: string) => Value;

function lenet5(x: Value, net: Layers, classes: number, squash: Squash, subsample: Subsample): Value {
  let h = squash(net.conv(x, 'conv1', 6, 5));
  h = subsample(h, 'pool1');
  h = squash(net.conv(h, 'conv2', 16, 5));
  h = flatten(subsample(h, 'pool2'));
  h = squash(net.linear(h, 'fc1', 120));
  h = squash(net.linear(h, 'fc2', 84));
  return net.linear(h, 'fc3', classes);
}

const rectified: FormDescription['build'] = (x, net, classes) =>
  lenet5(x, net, classes, relu, (h, name) => net.maxPool(h, name, 2));

export const lenet: NetworkDescription = {
  name: 'lenet',
  year: 1998,
  paper: 'LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 1998',
  forms: {
    imagenet: {
      channels: 1,
      height: 32,
      width: 32,
      classes: 10,
      build: (x, net, classes) => lenet5(x, net, classes, tanh, (h, name) => net.averagePool(h, name, 2)),
      deviations: [
        'Every map of C3 sees all maps of S2; in the paper each sees some of them (table I).',
        'Subsampling is a plain mean, without a trainable coefficient and bias, and tanh follows the convolution.',
        'The output is a linear layer with softmax instead of distances to fixed bitmaps.',
      ],
    },
    cifar: {
      channels: 3,
      height: 32,
      width: 32,
      classes: 100,
      build: rectified,
      deviations: [
        'Three colour channels, and as many outputs as there are classes.',
        'ReLU instead of tanh, and max pooling instead of trainable subsampling.',
      ],
    },
    article: {
      channels: 1,
      height: 28,
      width: 28,
      classes: 10,
      fixedSize: true,
      build: rectified,
      deviations: [
        'ReLU instead of tanh, and max pooling instead of trainable subsampling.',
        'Its first linear layer has 16*16 inputs, which fits only an unpadded 28x28 picture (16 maps of 4x4); ' +
          'the paper has 32x32 pictures and 16 maps of 5x5.',
      ],
    },
  },
  published: [
    {
      form: 'imagenet',
      dataset: 'MNIST test',
      protocol: 'one network, 60,000 training pictures without distortions',
      top1Error: 0.95,
      source: 'the paper, section III.B and figure 9',
    },
    {
      form: 'imagenet',
      dataset: 'MNIST test',
      protocol: 'one network, training pictures distorted at random',
      top1Error: 0.8,
      source: 'the paper, section III.B and figure 9',
    },
  ],
};

export default { name: 'LeNet', networks: [lenet] } satisfies Family;
