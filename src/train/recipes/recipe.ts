// What a training recipe is: data alone, so that a run can print it, store it and be started with any part of it
// replaced. Recipes stand beside this file, one each; parts that are absent do nothing, and so do those that the
// config.json of an older run lacks.
import type { Interpolation } from '../../data/resample.ts';
import type { InitialScheme } from '../initial.ts';
import type { Schedule } from '../schedule.ts';

/** What SGD does with the gradients (as torch.optim.SGD; dampening 0). */
export interface OptimizerOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Whether weight decay also pulls at biases and at batch norm's weight and bias. */
  readonly decayBiasAndNorm: boolean;
  /** Largest Euclidean norm of all gradients together; larger ones are scaled down to it. */
  readonly clipNorm?: number;
  /** Largest root mean square of a convolution's filter, which is scaled back to it after a step (ZFNet: .1). */
  readonly clipFilterRms?: number;
}

/** What becomes of colours; distortions are drawn anew for each picture and epoch. */
export type ColourPlan =
  /** AlexNet, section 4.1: N(0, deviation) times the eigenvalue along each eigenvector of the data's RGB covariance. */
  | { readonly kind: 'pca'; readonly deviation: number }
  /** Each channel moved by N(0, deviation), in units of 0..1. */
  | { readonly kind: 'shift'; readonly deviation: number }
  /** Howard 2013 (torchvision's ColorJitter): factors from 1 - x to 1 + x, in random order; hue in turns. */
  | {
      readonly kind: 'photometric';
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    };

/** How a picture file is brought to the size of a training crop. Sizes are for crops of 224 px; others in proportion. */
export interface PicturePlan {
  /** The short side, px, uniform in [least, most]; or a share of the area with an aspect in [1/aspect, aspect]. */
  readonly scale:
    | {
        readonly kind: 'short-side';
        readonly least: number;
        readonly most: number;
        /** Whether the central square alone is cut from, as AlexNet and ZFNet do. */
        readonly square?: boolean;
      }
    | { readonly kind: 'area'; readonly least: number; readonly most: number; readonly aspect: number };
  /** Where the crop lies: anywhere, or at one of the four corners or the centre (with the mirror: ten of them). */
  readonly crops?: 'random' | 'ten';
  readonly colour?: ColourPlan;
  /** Short side of validation and test pictures, whose centre is cut, px. */
  readonly resize: number;
  readonly interpolation: Interpolation;
}

/** Which numbers the network sees. */
export interface InputPlan {
  /** What is subtracted: the mean of each channel, or of each pixel (small pictures: the channel's). */
  readonly mean: 'channel' | 'pixel';
  /** Whether channels are divided by their standard deviation too. */
  readonly divideByDeviation: boolean;
  /** What a white pixel is before that: 1, or 255 as in the papers before batch norm, whose first weights suit it. */
  readonly range: 1 | 255;
}

/** The plan of recipes that say nothing of it. */
export const usualInput: InputPlan = { mean: 'channel', divideByDeviation: true, range: 1 };

/** Augmentation of the training pictures, before normalisation. */
export interface AugmentationPlan {
  /** Small pictures: random crop after adding so many px of zeros on every side; 0: none. */
  readonly cropPadding: number;
  /** Mirror left to right half of the time; never done to digits. */
  readonly flip: boolean;
  /** Small pictures: largest rotation, degrees; 0: none. */
  readonly rotation: number;
  /** Probability that a rectangle is erased (Zhong et al. 2017). */
  readonly erase?: number;
  /** For pictures of ImageNet's size; absent: `usualPictures`. */
  readonly pictures?: PicturePlan;
  /** Absent: `usualInput`. */
  readonly input?: InputPlan;
}

/** torchvision's references: the plan of recipes that say nothing of large pictures. */
export const usualPictures: PicturePlan = {
  scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 },
  resize: 256,
  interpolation: 'bilinear',
};

/** Weights that are kept beside the trained ones, and validated, tested and used in their place. */
export type AveragePlan =
  /** decay * average + (1 - decay) * weights after each update, sooner at the beginning: min(decay, (1+n)/(10+n)). */
  | { readonly kind: 'ema'; readonly decay: number }
  /** The plain mean over all updates after `fromEpoch` epochs (Polyak & Juditsky 1992). */
  | { readonly kind: 'polyak'; readonly fromEpoch: number };

export interface Recipe {
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  /** What was chosen where the source is silent, and what of it is not done; a sentence each. */
  readonly choices?: readonly string[];
  readonly batch: number;
  readonly epochs: number;
  /** Steps in all, where the recipe counts them instead of epochs; the last epoch may then be cut short. */
  readonly steps?: number;
  /** The largest rate of the schedule. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly optimizer: OptimizerOptions;
  readonly labelSmoothing: number;
  readonly augmentation: AugmentationPlan;
  /** The last batch of an epoch when it is not full: trained on as it is, or left out of this epoch. */
  readonly lastBatch: 'keep' | 'drop';
  /**
   * Batches whose gradients are averaged into one update, each picture counting the same; what is left at the end of an
   * epoch makes one of its own. Default 1.
   */
  readonly accumulate?: number;
  readonly average?: AveragePlan;
  /** Alphas of mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019); 0: off. */
  readonly mix?: { readonly mixup: number; readonly cutmix: number };
  /** How weights start; default as the network has it. */
  readonly initial?: InitialScheme;
  /** Stop after so many epochs without a better validation. */
  readonly stopAfter?: number;
}

/** Parts of a recipe to replace, by the names that the command line's options have. 0 and 'none' switch a part off. */
export interface RecipeOverrides {
  readonly batch?: number;
  /** Replaces `steps` too. */
  readonly epochs?: number;
  readonly steps?: number;
  readonly learningRate?: number;
  /** The name of a schedule. */
  readonly schedule?: string;
  readonly warmupEpochs?: number;
  readonly milestones?: readonly number[];
  /** What multi-step, step and plateau multiply the rate by. */
  readonly factor?: number;
  /** step: epochs between two factors. */
  readonly every?: number;
  /** plateau: epochs without a better validation before the rate falls. */
  readonly patience?: number;
  /** plateau: share by which a validation must be better to count. */
  readonly threshold?: number;
  /** plateau: the rate falls no lower. */
  readonly leastRate?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly decayBiasAndNorm?: boolean;
  readonly clipNorm?: number;
  readonly clipFilterRms?: number;
  readonly labelSmoothing?: number;
  readonly cropPadding?: number;
  readonly flip?: boolean;
  readonly rotation?: number;
  readonly erase?: number;
  /** Short sides of training pictures, px for crops of 224: [least, most]; or the least share of the area. */
  readonly scale?: readonly [least: number, most: number] | number;
  /** The largest aspect of crops by area. */
  readonly aspect?: number;
  /** Whether crops are cut from the central square alone. */
  readonly square?: boolean;
  readonly crops?: 'random' | 'ten';
  /** The name of a distortion of colours, with its usual numbers. */
  readonly colour?: 'none' | ColourPlan['kind'];
  readonly resize?: number;
  readonly interpolation?: Interpolation;
  readonly mean?: 'channel' | 'pixel';
  readonly divideByDeviation?: boolean;
  readonly range?: 1 | 255;
  readonly lastBatch?: 'keep' | 'drop';
  readonly accumulate?: number;
  /** The decay of an exponential moving average of the weights. */
  readonly ema?: number;
  /** Plain averaging of the weights after so many epochs; 'none' ends any averaging. */
  readonly polyak?: number | 'none';
  readonly mixup?: number;
  readonly cutmix?: number;
  readonly initial?: InitialScheme;
  readonly stopAfter?: number;
}
