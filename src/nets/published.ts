// Published results as network files state them: always with the protocol, so that results of different
// protocols never stand in one column.
import type { Form, OptionValues, PublishedResult } from './network.ts';

/** ResNet's and its successors' test: the short side brought to 256, one crop of 224 from the centre. */
export const centreCrop = 'one model, centre crop 224 of 256';

/** AlexNet's test (section 4.1): four corners and the centre of 256x256, mirrored, softmax averaged. */
export const tenCrops = 'one model, 10 crops of 224';

/** Published weights on ILSVRC 2012's validation set, one centre crop. Percent of right answers. */
export function centreCropAccuracy(
  weights: string,
  top1: number,
  top5: number,
  options?: OptionValues,
): PublishedResult {
  return {
    form: 'imagenet',
    dataset: 'ILSVRC 2012 validation',
    protocol: centreCrop,
    weights,
    top1Error: errorOf(top1),
    top5Error: errorOf(top5),
    source: weights,
    ...(options !== undefined && { options }),
  };
}

/** A row of pytorch-cifar100's table, percent wrong. */
export function cifar100Result(form: Form, top1Error: number, top5Error: number): PublishedResult {
  return {
    form,
    dataset: 'CIFAR-100 test',
    protocol: 'one model, whole picture, one run, the epoch that was best on the test set',
    top1Error,
    top5Error,
    source: 'github weiaicunzai/pytorch-cifar100',
  };
}

/** 100 - accuracy, without the dust of binary fractions. */
const errorOf = (accuracy: number): number => Math.round((100 - accuracy) * 1000) / 1000;
