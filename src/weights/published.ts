// Weights that torchvision and timm publish for networks of ours, with the official address of each. A file's name ends
// in the first digits of its SHA-256, which is what it is verified by.
// Sources: torchvision 0.14, models/*.py (the weights enumerations); timm, models/senet.py and models/resnet.py.
import { basename } from 'node:path';
import type { OptionValues } from '../nets/network.ts';
import type { WeightsPreprocessing } from './naming-maps.ts';

export interface PublishedWeights {
  readonly network: string;
  readonly form: 'imagenet';
  /** Who publishes them, under which name. */
  readonly source: string;
  readonly url: string;
  readonly file: string;
  /** The first hexadecimal digits of the file's SHA-256. */
  readonly sha256Prefix: string;
  readonly preprocessing: WeightsPreprocessing;
  /** The network's options that they were trained with, where they are not the defaults. */
  readonly options?: OptionValues;
}

/** torchvision's ImageClassification(crop_size=224). */
const usual: WeightsPreprocessing = {
  channels: 3,
  height: 224,
  width: 224,
  pad: 0,
  normalise: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  resize: 256,
  interpolation: 'bilinear',
  range: 1,
  order: 'RGB',
};

const torchvision = 'https://download.pytorch.org/models/';
const timm = 'https://github.com/rwightman/pytorch-image-models/releases/download/';
const gluon = 'https://github.com/rwightman/pytorch-pretrained-gluonresnet/releases/download/v0.1/';

function entry(
  network: string,
  source: string,
  url: string,
  differing: Partial<WeightsPreprocessing> = {},
): PublishedWeights {
  const file = basename(url);
  const sha256Prefix = /-([0-9a-f]{8})\.pth$/.exec(file)?.[1] ?? '';
  const preprocessing = { ...usual, ...differing };
  return { network, form: 'imagenet', source, url, file, sha256Prefix, preprocessing };
}

function ofTorchvision(network: string, file: string, differing?: Partial<WeightsPreprocessing>) {
  return entry(network, 'torchvision, IMAGENET1K_V1', torchvision + file, differing);
}

function ofTimm(network: string, name: string, path: string, differing?: Partial<WeightsPreprocessing>) {
  return entry(network, `timm, ${name}`, timm + path, differing);
}

/** At most one file per network: the one whose published accuracy Laurel quotes. */
export const publishedWeights: readonly PublishedWeights[] = [
  ofTorchvision('alexnet_owt', 'alexnet-owt-7be5be79.pth'),
  ofTorchvision('vgg11', 'vgg11-8a719046.pth'),
  ofTorchvision('vgg13', 'vgg13-19584684.pth'),
  ofTorchvision('vgg16', 'vgg16-397923af.pth'),
  ofTorchvision('vgg19', 'vgg19-dcbb9e9d.pth'),
  ofTorchvision('vgg11_bn', 'vgg11_bn-6002323d.pth'),
  ofTorchvision('vgg13_bn', 'vgg13_bn-abd245e5.pth'),
  ofTorchvision('vgg16_bn', 'vgg16_bn-6c64b313.pth'),
  ofTorchvision('vgg19_bn', 'vgg19_bn-c79401a0.pth'),
  // Ported from TensorFlow: torchvision turns its usual input into this one inside the network (transform_input).
  ofTorchvision('googlenet_bn', 'googlenet-1378be20.pth', {
    normalise: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  }),
  ofTorchvision('resnet18', 'resnet18-f37072fd.pth'),
  ofTorchvision('resnet34', 'resnet34-b627a593.pth'),
  ofTorchvision('resnet50', 'resnet50-0676ba61.pth'),
  ofTorchvision('resnet101', 'resnet101-63fe2227.pth'),
  ofTorchvision('resnet152', 'resnet152-394f9c45.pth'),
  ofTorchvision('resnext50_32x4d', 'resnext50_32x4d-7cdf4587.pth'),
  entry(
    'resnext101_32x4d',
    'timm, resnext101_32x4d.gluon_in1k',
    `${gluon}gluon_resnext101_32x4d-b253c8c4.pth`,
    {
      interpolation: 'bicubic',
    },
  ),
  ofTorchvision('resnext101_32x8d', 'resnext101_32x8d-8ba56ff5.pth'),
  ofTorchvision('resnext101_64x4d', 'resnext101_64x4d-173b62eb.pth', { resize: 232 }),
  ofTimm('seresnet18', 'legacy_seresnet18', 'v0.1-weights/seresnet18-4bb0ce65.pth', {
    interpolation: 'bicubic',
  }),
  ofTimm('seresnet34', 'legacy_seresnet34', 'v0.1-weights/seresnet34-a4004e63.pth'),
  // The stride of these bottlenecks stands in the first 1x1, the paper's place.
  ...[
    ofTimm('seresnet50', 'legacy_seresnet50', 'v0.1-cadene/se_resnet50-ce0d4300.pth'),
    ofTimm('seresnet101', 'legacy_seresnet101', 'v0.1-cadene/se_resnet101-7e38fcc6.pth'),
    ofTimm('seresnet152', 'legacy_seresnet152', 'v0.1-cadene/se_resnet152-d17c99b7.pth'),
  ].map((weights) => ({ ...weights, options: { stride: '1x1' } })),
  ofTimm(
    'seresnext50_32x4d',
    'legacy_seresnext50_32x4d',
    'v0.1-weights/legacy_se_resnext50_32x4d-f3651bad.pth',
  ),
  ofTimm(
    'seresnext101_32x4d',
    'legacy_seresnext101_32x4d',
    'v0.1-weights/legacy_se_resnext101_32x4d-37725eac.pth',
  ),
  ofTimm('senet154', 'legacy_senet154', 'v0.1-weights/legacy_senet154-e9eb9fe6.pth'),
];

/** The published weights that a path's file name stands for, e.g. resnet50-0676ba61.pth. */
export function publishedByFile(path: string): PublishedWeights | undefined {
  return publishedWeights.find(({ file }) => file === basename(path));
}
