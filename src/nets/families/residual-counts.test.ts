// Parameters and multiply-adds of every residual network, to the unit, as torchvision, timm and pytorch-cifar100
// publish them rounded; test/senet.test.ts holds them against PyTorch's own count.
import { describe, expect, it } from 'vitest';
import { costOf } from '../../graph/cost.ts';
import { elementCount } from '../../graph/tensor.ts';
import { buildNetwork, type Form, type OptionValues } from '../network.ts';
import resnet from './resnet.ts';
import resnetCifar10 from './resnet-cifar10.ts';
import resnext from './resnext.ts';
import senet from './senet.ts';

const networks = [resnet, resnetCifar10, resnext, senet].flatMap((family) => family.networks);

function graphOf(name: string, form: Form, options: OptionValues = {}) {
  const network = networks.find((candidate) => candidate.name === name);
  if (network === undefined) throw new Error(`no network ${name}`);
  return buildNetwork(network, { form, options }).graph;
}

const table: readonly [string, Form, number, number][] = [
  ['resnet18', 'imagenet', 11_689_512, 1_814_073_344],
  ['resnet34', 'imagenet', 21_797_672, 3_663_761_408],
  ['resnet50', 'imagenet', 25_557_032, 4_089_184_256],
  ['resnet101', 'imagenet', 44_549_160, 7_801_405_440],
  ['resnet152', 'imagenet', 60_192_808, 11_513_626_624],
  ['resnet18', 'cifar', 11_220_132, 555_468_800],
  ['resnet34', 'cifar', 21_328_292, 1_159_448_576],
  ['resnet50', 'cifar', 23_705_252, 1_298_014_208],
  ['resnet101', 'cifar', 42_697_380, 2_510_168_064],
  ['resnet152', 'cifar', 58_341_028, 3_722_321_920],
  ['resnet50', 'article', 23_705_252, 1_298_014_208],
  ['resnet101', 'article', 42_697_380, 2_510_168_064],
  ['resnet152', 'article', 58_341_028, 3_722_321_920],
  ['resnet20', 'cifar', 269_722, 40_551_040],
  ['resnet32', 'cifar', 464_154, 68_862_592],
  ['resnet44', 'cifar', 658_586, 97_174_144],
  ['resnet56', 'cifar', 853_018, 125_485_696],
  ['resnet110', 'cifar', 1_727_962, 252_887_680],
  ['resnext50_32x4d', 'imagenet', 25_028_904, 4_230_479_872],
  ['resnext101_32x4d', 'imagenet', 44_177_704, 7_969_996_800],
  ['resnext101_32x8d', 'imagenet', 88_791_336, 16_414_015_488],
  ['resnext101_64x4d', 'imagenet', 83_455_272, 15_460_270_080],
  ['resnext50', 'cifar', 23_177_124, 1_344_151_552],
  ['resnext101', 'cifar', 42_325_924, 2_565_218_304],
  ['resnext152', 'cifar', 58_099_620, 3_786_285_056],
  ['resnext50', 'article', 14_788_772, 750_919_680],
  ['resnext101', 'article', 25_303_204, 1_419_386_880],
  ['resnext152', 'article', 33_343_652, 1_930_567_680],
  ['seresnet18', 'imagenet', 11_778_592, 1_814_160_384],
  ['seresnet34', 'imagenet', 21_958_868, 3_663_918_592],
  ['seresnet50', 'imagenet', 28_088_024, 4_091_699_200],
  ['seresnet101', 'imagenet', 49_326_872, 7_806_148_608],
  ['seresnet152', 'imagenet', 66_821_848, 11_520_204_800],
  ['seresnet18', 'cifar', 11_314_012, 555_555_840],
  ['seresnet34', 'cifar', 21_498_000, 1_159_605_760],
  ['seresnet50', 'cifar', 26_262_804, 1_300_529_152],
  ['seresnet101', 'cifar', 47_527_764, 2_514_911_232],
  ['seresnet152', 'cifar', 65_045_780, 3_728_900_096],
  ['seresnet18', 'article', 11_436_256, 557_496_976],
  ['seresnet34', 'article', 21_694_544, 1_162_731_408],
  ['seresnet50', 'article', 26_503_135, 1_304_171_936],
  ['seresnet101', 'article', 47_768_095, 2_518_554_016],
  ['seresnet152', 'article', 65_286_111, 3_732_542_880],
  ['seresnext50_32x4d', 'imagenet', 27_559_896, 4_232_994_816],
  ['seresnext101_32x4d', 'imagenet', 48_955_416, 7_974_739_968],
  ['senet154', 'imagenet', 115_088_984, 20_688_363_520],
];

describe('every residual network', () => {
  it.each(table)('%s (%s) has %d parameters and %d MACs', (name, form, parameters, macs) => {
    expect(costOf(graphOf(name, form))).toMatchObject({ parameters, macs });
  });

  it('is in the table, in every form', () => {
    const all = networks.flatMap(({ name, forms }) => Object.keys(forms).map((form) => `${name} ${form}`));
    expect(new Set(table.map(([name, form]) => `${name} ${form}`))).toEqual(new Set(all));
  });

  it('senet154 has the 20.77G that timm publishes, which counts two for each output of a batch norm', () => {
    const { macs, layers } = costOf(graphOf('senet154', 'imagenet'));
    const norms = layers.filter(({ op }) => op === 'batchNormInference');
    const outputs = norms.reduce((sum, { outputShape }) => sum + elementCount(outputShape), 0);
    expect(Math.round((macs + 2 * outputs) / 1e7)).toBe(2077);
  });

  it('says how it leaves its paper wherever the article prints it', () => {
    for (const { forms } of networks) {
      if (forms.article) expect(forms.article.deviations?.length).toBeGreaterThan(1);
    }
  });
});

describe('options', () => {
  it.each<[string, Form, OptionValues, number, number?]>([
    ['resnet50', 'imagenet', { stride: '1x1' }, 25_557_032, 3_857_973_248],
    ['resnet34', 'imagenet', { shortcut: 'A' }, 21_623_848],
    ['resnet34', 'imagenet', { shortcut: 'B' }, 21_797_672],
    ['resnet34', 'imagenet', { shortcut: 'C' }, 22_716_840],
    // A plain network has the weights of option A, whose shortcuts have none.
    ['resnet34', 'imagenet', { shortcut: 'none' }, 21_623_848],
    ['resnext50_32x4d', 'imagenet', { cardinality: 1, width: 64 }, 25_557_032],
    ['resnext101_32x4d', 'imagenet', { cardinality: '64' }, 83_455_272],
    ['resnext50', 'cifar', { construction: 'split-concat' }, 23_177_124, 1_344_151_552],
    ['resnext50', 'cifar', { construction: 'split-sum' }, 23_177_124, 1_344_151_552],
  ])('%s (%s) with %o', (name, form, options, parameters, macs) => {
    const cost = costOf(graphOf(name, form, options));
    expect(cost.parameters).toBe(parameters);
    if (macs !== undefined) expect(cost.macs).toBe(macs);
  });

  it.each([
    ['resnet18', { stride: '1x1' }, /has no option 'stride'/],
    ['resnet50', { shortcut: 'D' }, /the option shortcut is 'D'; expected one of A, B, C/],
    ['resnext50_32x4d', { cardinality: 0 }, /cardinality is 0; expected a whole number/],
    ['resnext50_32x4d', { width: 2.5 }, /width is 2\.5; expected a whole number/],
    ['seresnet50', { reduction: 512 }, /reduction is 512; expected a whole number from 1 to .* 256/],
    ['seresnet50', { reduction: 0 }, /reduction is 0/],
  ])('%s refuses %o', (name, options, sentence) => {
    expect(() => graphOf(name, 'imagenet', options)).toThrow(sentence);
  });
});

describe('names of weights', () => {
  it.each<[string, Form, OptionValues, Record<string, readonly number[]>]>([
    [
      'resnet50',
      'imagenet',
      {},
      {
        'conv1.weight': [64, 3, 7, 7],
        'bn1.running_var': [64],
        'layer1.0.conv1.weight': [64, 64, 1, 1],
        'layer1.0.downsample.0.weight': [256, 64, 1, 1],
        'layer1.0.downsample.1.bias': [256],
        'layer4.2.bn3.running_mean': [2048],
        'fc.weight': [1000, 2048],
      },
    ],
    [
      'resnet18',
      'cifar',
      {},
      {
        'conv1.0.weight': [64, 3, 3, 3],
        'conv2_x.0.residual_function.0.weight': [64, 64, 3, 3],
        'conv3_x.0.shortcut.1.running_var': [128],
        'conv5_x.1.residual_function.4.bias': [512],
        'fc.bias': [100],
      },
    ],
    [
      'resnet152',
      'article',
      {},
      {
        'conv4_x.35.residual_function.6.weight': [1024, 256, 1, 1],
        'conv2_x.0.shortcut.0.weight': [256, 64, 1, 1],
      },
    ],
    [
      'resnet20',
      'cifar',
      {},
      {
        'conv1.weight': [16, 3, 3, 3],
        'layer1.0.conv1.weight': [16, 16, 3, 3],
        'layer3.2.bn2.bias': [64],
        'linear.weight': [10, 64],
      },
    ],
    ['resnet20', 'cifar', { shortcut: 'B' }, { 'layer2.0.shortcut.0.weight': [32, 16, 1, 1] }],
    [
      'resnext101_32x8d',
      'imagenet',
      {},
      { 'layer1.0.conv2.weight': [256, 8, 3, 3], 'layer4.0.conv1.weight': [2048, 1024, 1, 1] },
    ],
    [
      'resnext50',
      'article',
      {},
      {
        'conv1.0.weight': [64, 3, 3, 3],
        'conv2.0.split_transforms.0.weight': [128, 2, 1, 1],
        'conv5.2.split_transforms.6.weight': [2048, 1024, 1, 1],
        'conv3.0.shortcut.0.weight': [512, 256, 1, 1],
        'fc.weight': [100, 2048],
      },
    ],
    [
      'seresnet50',
      'imagenet',
      {},
      {
        'layer0.conv1.weight': [64, 3, 7, 7],
        'layer0.bn1.weight': [64],
        'layer1.0.se_module.fc1.weight': [16, 256, 1, 1],
        'layer1.0.se_module.fc2.bias': [256],
        'layer2.0.downsample.0.weight': [512, 256, 1, 1],
        'last_linear.bias': [1000],
      },
    ],
    [
      'senet154',
      'imagenet',
      {},
      {
        'layer0.conv3.weight': [128, 64, 3, 3],
        'layer1.0.conv1.weight': [128, 128, 1, 1],
        'layer1.0.downsample.0.weight': [256, 128, 1, 1],
        'layer2.0.conv2.weight': [512, 4, 3, 3],
        'layer2.0.downsample.0.weight': [512, 256, 3, 3],
      },
    ],
    [
      'seresnet50',
      'article',
      {},
      {
        'pre.0.bias': [64],
        'stage1.0.residual.0.weight': [64, 64, 1, 1],
        'stage1.0.excitation.0.weight': [16, 256],
        'stage1.0.shortcut.0.bias': [256],
        'stage4.2.excitation.2.weight': [2064, 129],
        'linear.weight': [100, 2064],
      },
    ],
  ])('%s (%s) %o', (name, form, options, expected) => {
    const { states } = graphOf(name, form, options);
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, states.get(key)?.shape]))).toEqual(
      expected,
    );
  });

  it('leave nothing out and add nothing: resnet18 has the 102 of torchvision without the batch counters', () => {
    expect(graphOf('resnet18', 'imagenet').states.size).toBe(102);
  });
});
