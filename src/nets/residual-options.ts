// Options that several residual families offer.
import type { NetworkOption } from './network.ts';
import type { Shortcut } from './residual.ts';

export type { Shortcut };
/** The convolution of a bottleneck that has the stride. */
export type Reducing = '1x1' | '3x3';

export const shortcutOption: NetworkOption = {
  description:
    'past a change of shape: A zeros for the added channels, B a projection; C projections everywhere; ' +
    'none: the plain network',
  default: 'B',
  choices: ['A', 'B', 'C', 'none'],
};

export const strideOption: NetworkOption = {
  description: "the convolution of a bottleneck that has the stride: 3x3, or 1x1 (the paper's)",
  default: '3x3',
  choices: ['3x3', '1x1'],
};
