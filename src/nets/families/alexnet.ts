// AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
// NeurIPS 2012, section 3 and figure 2. The two towers, which lived on two devices and met at conv3 and in the
// linear layers, are two groups at conv2, conv4 and conv5. Layers are named as in Caffe's file (conv1 .. fc8).
//
// Choices where the paper is silent: 224 pixels do not divide into its 55 columns, so the picture is padded by 2.
// Its pools take no partial window. `alexnet_owt` is the form that torchvision has (Krizhevsky, "One weird trick
// for parallelizing convolutional neural networks", arXiv 1404.5997), with torchvision's names.

import { UserError } from '../../errors.ts';
import type { Value } from '../../graph/graph.ts';
import { flatten } from '../../graph/ops/index.ts';
import { ablations, eightLayers } from '../eight-layers.ts';
import type { Layers, Start } from '../layers.ts';
import type { Family, FormDescription, NetworkDescription, OptionValues } from '../network.ts';
import { centreCropAccuracy, tenCrops } from '../published.ts';
import { conv, dropout, linear, maxPool, rectify, sequential } from '../sequential.ts';

const options: FormDescription['options'] = {
  groups: {
    description: "2: the paper's two towers; 1: one tower that sees everything",
    default: 2,
    choices: [1, 2],
  },
  ...ablations,
};

/** Section 5: every weight from N(0, 0.01^2); biases of conv2, conv4, conv5 and the hidden linear layers 1, else 0. */
const paperStart = (layer: number): Start => ({
  weightInitial: { kind: 'normal', deviation: 0.01 },
  biasInitial: { kind: 'constant', value: [2, 4, 5, 6, 7].includes(layer) ? 1 : 0 },
});

function alexnet2012(x: Value, net: Layers, classes: number, chosen: OptionValues): Value {
  const groups = chosen.groups as number;
  const { conv, norm, pool, head } = eightLayers(net, chosen, paperStart);
  let h = conv(x, 1, 96, 11, { stride: 4, padding: 2 });
  h = pool(norm(h, 1), 1);
  h = conv(h, 2, 256, 5, { padding: 2, groups });
  h = pool(norm(h, 2), 2);
  h = conv(h, 3, 384, 3, { padding: 1 });
  h = conv(h, 4, 384, 3, { padding: 1, groups });
  h = conv(h, 5, 256, 3, { padding: 1, groups });
  return head(pool(h, 5), classes);
}

/** For 32x32 pictures: conv1 is 5x5 with stride 1; pools round up, so that planes are 32, 16, 8 and 4 wide. */
function alexnetCifar(x: Value, net: Layers, classes: number, chosen: OptionValues): Value {
  const groups = chosen.groups as number;
  const { conv, norm, pool, head } = eightLayers(net, chosen);
  let h = conv(x, 1, 96, 5, { padding: 2 });
  h = pool(norm(h, 1), 1, { ceil: true });
  h = conv(h, 2, 256, 5, { padding: 2, groups });
  h = pool(norm(h, 2), 2, { ceil: true });
  h = conv(h, 3, 384, 3, { padding: 1 });
  h = conv(h, 4, 384, 3, { padding: 1, groups });
  h = conv(h, 5, 256, 3, { padding: 1, groups });
  return head(pool(h, 5, { ceil: true }), classes);
}

function alexnetArticle(x: Value, net: Layers, classes: number): Value {
  if (classes !== 10) {
    throw new UserError(
      `The article's AlexNet has 10 classes, whatever it is asked for; got ${classes}. Use another form.`,
      { exitCode: 2 },
    );
  }
  const h = sequential(x, net, 'features', [
    conv(96, 11, { padding: 1 }),
    rectify,
    maxPool(2),
    conv(256, 3, { padding: 1 }),
    rectify,
    maxPool(2),
    conv(384, 3, { padding: 1 }),
    rectify,
    conv(384, 3, { padding: 1 }),
    rectify,
    conv(256, 3, { padding: 1 }),
    rectify,
    maxPool(2),
  ]);
  return sequential(flatten(h), net, 'classifier', [
    dropout(0.5),
    linear(4096, { inputs: 256 * 2 * 2 }),
    rectify,
    dropout(0.5),
    linear(4096),
    rectify,
    linear(10),
  ]);
}

function alexnetOwt(x: Value, net: Layers, classes: number): Value {
  const h = sequential(x, net, 'features', [
    conv(64, 11, { stride: 4, padding: 2 }),
    rectify,
    maxPool(3, { stride: 2 }),
    conv(192, 5, { padding: 2 }),
    rectify,
    maxPool(3, { stride: 2 }),
    conv(384, 3, { padding: 1 }),
    rectify,
    conv(256, 3, { padding: 1 }),
    rectify,
    conv(256, 3, { padding: 1 }),
    rectify,
    maxPool(3, { stride: 2 }),
  ]);
  return sequential(flatten(net.adaptiveAveragePool(h, 'avgpool', 6)), net, 'classifier', [
    dropout(0.5),
    linear(4096),
    rectify,
    dropout(0.5),
    linear(4096),
    rectify,
    linear(classes),
  ]);
}

export const alexnet: NetworkDescription = {
  name: 'alexnet',
  year: 2012,
  paper: 'Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012',
  place: 'winner of ILSVRC 2012',
  forms: {
    imagenet: {
      channels: 3,
      height: 224,
      width: 224,
      classes: 1000,
      options,
      build: alexnet2012,
      deviations: [
        'Pictures of 224x224 are padded by 2, because the 55 columns of the paper do not fit them otherwise.',
      ],
    },
    cifar: {
      channels: 3,
      height: 32,
      width: 32,
      classes: 100,
      options,
      build: alexnetCifar,
      deviations: [
        'For 32x32 pictures the first convolution is 5x5 with stride 1, and pools round up (planes 32, 16, 8, 4).',
        "Weights start as PyTorch's do.",
      ],
    },
    article: {
      channels: 1,
      height: 28,
      width: 28,
      classes: 10,
      build: alexnetArticle,
      deviations: [
        'One input channel; the paper has colour pictures.',
        'The first convolution has stride 1 and padding 1; the paper has stride 4.',
        'The second convolution is 3x3; the paper has 5x5.',
        'No local response normalisation, although the text lists it as one of the improvements.',
        'Pools of 2x2 with stride 2 do not overlap, although the text lists overlapping pooling; the paper has 3x3 ' +
          'with stride 2.',
        'One tower without groups; in the paper conv2, conv4 and conv5 see only the maps of their own device.',
        'Its first linear layer has 256*2*2 inputs, which fits 28x28 pictures (24 to 31 pixels) and not 224x224.',
        'The number of classes is ignored: there are always 10.',
        'Dropout stands before the first two linear layers; in the paper it acts on their outputs.',
      ],
    },
  },
  published: [
    {
      form: 'imagenet',
      dataset: 'ILSVRC 2012 validation',
      protocol: tenCrops,
      top1Error: 40.7,
      top5Error: 18.2,
      source: 'the paper, table 2',
    },
  ],
};

export const alexnetOneWeirdTrick: NetworkDescription = {
  name: 'alexnet_owt',
  year: 2014,
  paper: 'Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997',
  forms: {
    imagenet: {
      channels: 3,
      height: 224,
      width: 224,
      classes: 1000,
      build: alexnetOwt,
      deviations: [
        "As torchvision has it: 256 maps in conv4 (the paper's figure has 384), and planes averaged to 6x6 before " +
          'the linear layers, so that other picture sizes fit.',
        'Dropout stands before the first two linear layers.',
      ],
    },
  },
  published: [centreCropAccuracy('torchvision', 56.522, 79.066)],
};

export default { name: 'AlexNet', networks: [alexnet, alexnetOneWeirdTrick] } satisfies Family;
