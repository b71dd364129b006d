// ZFNet: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 3. AlexNet seen
// from inside: a first filter of 7x7 at stride 2 instead of 11x11 at stride 4, stride 2 in conv2, and no towers.
// Planes are 110, 55, 26, 13 and 6 wide. Options are the changes of table 3; layers are named as AlexNet's.
//
// Choices where the paper is silent: conv1 is padded by 1, which gives its 110 columns; pools round up (Caffe's and
// cuda-convnet's rule), which gives its 55, 13 and 6; "contrast normalisation" after the pools of layers 1 and 2 is
// local response normalisation with AlexNet's constants.
import type { Value } from '../../graph/graph.ts';
import { ablations, eightLayers } from '../eight-layers.ts';
import type { Layers, Start } from '../layers.ts';
import type { Family, FormDescription, NetworkDescription, OptionValues } from '../network.ts';
import { tenCrops } from '../published.ts';

const options: FormDescription['options'] = {
  ...ablations,
  wide: { description: '512, 1024 and 512 maps in layers 3, 4 and 5', default: false },
};

/** Section 3.1: every weight starts at the scale 10^-2 (here N(0, 0.01^2)), biases at 0. */
const paperStart: Start = {
  weightInitial: { kind: 'normal', deviation: 0.01 },
  biasInitial: { kind: 'constant', value: 0 },
};

/** Layers 3 to 8, which both forms share. */
function upperLayers(
  h: Value,
  classes: number,
  layers: ReturnType<typeof eightLayers>,
  wide: boolean,
): Value {
  const [maps3, maps4, maps5] = wide ? [512, 1024, 512] : [384, 384, 256];
  const { conv, pool, head } = layers;
  h = conv(h, 3, maps3 as number, 3, { padding: 1 });
  h = conv(h, 4, maps4 as number, 3, { padding: 1 });
  h = conv(h, 5, maps5 as number, 3, { padding: 1 });
  return head(pool(h, 5, { ceil: true }), classes);
}

function zfnet2014(x: Value, net: Layers, classes: number, chosen: OptionValues): Value {
  const layers = eightLayers(net, chosen, () => paperStart);
  const { conv, norm, pool } = layers;
  let h = conv(x, 1, 96, 7, { stride: 2, padding: 1 });
  h = norm(pool(h, 1, { ceil: true }), 1);
  h = conv(h, 2, 256, 5, { stride: 2 });
  h = norm(pool(h, 2, { ceil: true }), 2);
  return upperLayers(h, classes, layers, chosen.wide as boolean);
}

/** For 32x32 pictures: as AlexNet's form for them, with the smaller first filter that ZFNet is about. */
function zfnetCifar(x: Value, net: Layers, classes: number, chosen: OptionValues): Value {
  const layers = eightLayers(net, chosen);
  const { conv, norm, pool } = layers;
  let h = conv(x, 1, 96, 3, { padding: 1 });
  h = norm(pool(h, 1, { ceil: true }), 1);
  h = conv(h, 2, 256, 5, { padding: 2 });
  h = norm(pool(h, 2, { ceil: true }), 2);
  return upperLayers(h, classes, layers, chosen.wide as boolean);
}

const tableThree = (top1Error: number, top5Error: number, options?: OptionValues) => ({
  form: 'imagenet' as const,
  dataset: 'ILSVRC 2012 validation',
  protocol: tenCrops,
  ...(options !== undefined && { options }),
  top1Error,
  top5Error,
  source: 'the paper, table 3',
});

export const zfnet: NetworkDescription = {
  name: 'zfnet',
  year: 2013,
  paper: 'Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014',
  place: 'its authors entered ILSVRC 2013, which Clarifai won',
  forms: {
    imagenet: {
      channels: 3,
      height: 224,
      width: 224,
      classes: 1000,
      options,
      build: zfnet2014,
    },
    cifar: {
      channels: 3,
      height: 32,
      width: 32,
      classes: 100,
      options,
      build: zfnetCifar,
      deviations: [
        'For 32x32 pictures the first convolution is 3x3, and both first convolutions have stride 1 (planes 32, ' +
          '16, 8, 4).',
        "Weights start as PyTorch's do.",
      ],
    },
  },
  published: [
    tableThree(38.4, 16.5),
    tableThree(40.2, 17.6, { fc: 2048 }),
    tableThree(38.8, 17.0, { fc: 8192 }),
    tableThree(37.5, 16.0, { wide: true }),
    tableThree(38.3, 16.9, { wide: true, fc: 8192 }),
  ],
};

export default { name: 'ZFNet', networks: [zfnet] } satisfies Family;
