// What weights that others trained on ImageNet would say about themselves, had Laurel written their file: a naming map
// or the place that they were published at knows their network and how pictures are prepared for them.
import { imagenetNames } from '../data/imagenet-classes.ts';
import type { Form, OptionValues } from '../nets/network.ts';
import type { WeightsPreprocessing } from '../weights/naming-maps.ts';
import type { ModelInfo } from './preprocessing.ts';

/** The record of weights for ImageNet's 1000 classes, in ILSVRC's order. */
export function imagenetInfo(weights: {
  readonly network: string;
  readonly form: Form;
  readonly preprocessing: WeightsPreprocessing;
  readonly options?: OptionValues;
}): ModelInfo {
  const { network, form, preprocessing, options } = weights;
  return {
    network,
    form,
    classes: imagenetNames,
    dataset: 'imagenet',
    preprocessing,
    ...(options !== undefined && { options }),
  };
}
