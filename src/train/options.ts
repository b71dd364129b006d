// What a training takes, tells while it runs, and gives. The command line draws events; nothing here prints.
import type { OpenProgress } from '../data/datasets.ts';
import type { Wire } from '../distribute/exchange.ts';
import type { Ranks } from '../distribute/ranks.ts';
import type { Autotune, ComputeType, Engine, EngineDescription, EngineName } from '../engines/engine.ts';
import type { Form, OptionValues } from '../nets/network.ts';
import type { TensorWriter } from './checkpoint/save.ts';
import type { Recipe, RecipeOverrides } from './recipes/recipe.ts';
import type { TransferRequest } from './transfer/config.ts';

export interface TrainOptions {
  /** The name of a network, and of one of its forms (default: its first). */
  readonly network: string;
  readonly form?: Form;
  /** The network's own options; default each one's default. */
  readonly networkOptions?: OptionValues;
  /** A known data set's name or a folder. May be left out when a run is taken up again. */
  readonly data?: string;
  /** Run segments of the network again in the backward pass, for less memory; default false. */
  readonly checkpointing?: boolean | undefined;
  /** Which labels, where a data set has two kinds (CIFAR-100); default 'fine'. */
  readonly labels?: 'fine' | 'coarse';
  /** The name of a recipe; default `defaultRecipe(network)`. */
  readonly recipe?: string;
  /** Other weights to start from, what of them is frozen, and rates by layer. */
  readonly transfer?: TransferRequest | undefined;
  /** Parts of the recipe to replace: epochs, batch, learningRate, ... */
  readonly overrides?: RecipeOverrides;
  /** An engine, or the name of one; default 'auto'. */
  readonly engine?: Engine | EngineName | 'auto';
  readonly threads?: number;
  /** Default 'auto': bf16 where the CPU multiplies it natively, else f32. */
  readonly dtype?: ComputeType | 'auto';
  /** How the step of a whole batch chooses among ways to compute an op; default 'off'. */
  readonly autotune?: Autotune | undefined;
  /** Of weights, order, augmentation, dropout and the validation split; default 1. */
  readonly seed?: number;
  /** The run folder; made when absent. */
  readonly out: string;
  /** Go on with the run in `out`. */
  readonly resume?: boolean;
  /** A few batches through everything, to see that it works. */
  readonly smoke?: boolean;
  /** Data, programs and loaders alone: no run folder is looked for or made, and nothing is written. */
  readonly rehearsal?: boolean;
  /** Look at the first batch for signs of a training that will not work, and say so in notes; default true. */
  readonly warnings?: boolean;
  /** Training pictures held out for validation: a fraction below 1, a number, or 0 for none; default 0.1. */
  readonly validation?: number;
  /** Steps between checkpoints inside an epoch; default: only at the end of each epoch and on a stop. */
  readonly checkpointEvery?: number;
  /** How many of the newest epochs' weights stay in `checkpoints/`, besides the last and the best; default: none. */
  readonly keep?: number | undefined;
  /** Steps between the lines of metrics.jsonl inside an epoch; default 50. */
  readonly logEvery?: number;
  /** Layers whose features are followed through the epochs, and the epochs to keep (default: those of ZFNet's figure 4). */
  readonly watch?: { readonly layers: readonly string[]; readonly epochs?: readonly number[] | undefined };
  /** Loader threads; default 1, for pictures that are decoded as they are needed one per core. */
  readonly workers?: number;
  /** What becomes of a picture file that is none, is cut off or damaged: the end, or left out and counted; default 'fail'. */
  readonly onBadImage?: 'fail' | 'skip';
  /** The ranks that train together (`joinRanks`), each of which calls `train` with the same options; default: alone. */
  readonly ranks?: Ranks;
  /** Batch norm over the batches of all ranks; default: over each one's own part. */
  readonly syncBatchNorm?: boolean | undefined;
  /** 2: AlexNet's two towers, one on each of two ranks; default: ranks divide the batch. */
  readonly towers?: number | undefined;
  /** Saves and stops when it fires; of several ranks when any of theirs does. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /** How tensor files are written; for trying a failing disk. */
  readonly writeTensors?: TensorWriter;
}

export type TrainEvent =
  /** Something worth a line: an engine that is absent, a run taken up again. */
  | { readonly type: 'note'; readonly message: string }
  /** Opening the data. */
  | { readonly type: 'data'; readonly progress: OpenProgress }
  | {
      readonly type: 'start';
      readonly network: string;
      readonly form: Form;
      readonly parameters: number;
      readonly dataset: string;
      readonly epochs: number;
      readonly batch: number;
      readonly stepsPerEpoch: number;
      /** Steps of the whole run. */
      readonly steps: number;
      readonly recipe: Recipe;
      /** Whether its plan for large pictures is the one that counts. */
      readonly large: boolean;
      /** Steps done before this process took over. */
      readonly fromStep: number;
      readonly pictures: { readonly train: number; readonly validation: number; readonly test: number };
      readonly engine: EngineDescription;
      readonly dtype: ComputeType;
      readonly out: string;
    }
  | { readonly type: 'epochStart'; readonly epoch: number; readonly epochs: number }
  | {
      readonly type: 'step';
      /** Epoch and step in it, both from 1. */
      readonly epoch: number;
      readonly epochs: number;
      readonly step: number;
      readonly stepsPerEpoch: number;
      /** Means over the epoch so far. */
      readonly loss: number;
      readonly top1Error: number;
      readonly learningRate: number;
      /** Training speed of this process so far, and the seconds that the rest will take at it. */
      readonly imagesPerSecond: number;
      readonly etaSeconds: number;
    }
  | {
      readonly type: 'evaluate';
      readonly split: 'validation' | 'test';
      readonly done: number;
      readonly total: number;
    }
  /** Going through the training pictures for what excites the watched layers most. */
  | { readonly type: 'watch'; readonly done: number; readonly total: number }
  | ({ readonly type: 'epochEnd'; readonly epochs: number; readonly etaSeconds: number } & EpochRecord)
  | {
      readonly type: 'checkpoint';
      readonly path: string;
      readonly epoch: number;
      readonly step: number;
      readonly best: boolean;
    }
  | { readonly type: 'end'; readonly result: TrainResult };

/** How a training was divided over processes. */
export interface RanksConfig {
  readonly count: number;
  /** `Open MPI 4.1.4`. */
  readonly mpi: string;
  readonly wire: Wire;
  readonly syncBatchNorm: boolean;
  /** Each had a tower of the network, and all of every batch; absent where they divided the batch. */
  readonly towers?: 2;
}

/** One epoch's line of metrics.jsonl. Errors in percent. */
export interface EpochRecord {
  readonly epoch: number;
  /** Steps since the start of the run. */
  readonly step: number;
  readonly trainLoss: number;
  readonly trainTop1Error: number;
  readonly trainTop5Error: number;
  /** null without validation pictures. */
  readonly validationLoss: number | null;
  readonly validationTop1Error: number | null;
  readonly validationTop5Error: number | null;
  /** Whether it did better on the validation pictures than every epoch before. */
  readonly best: boolean;
  /** Of its last step. */
  readonly learningRate: number;
  /** Mean of this process's steps so far; null when it took none. */
  readonly imagesPerSecond: number | null;
  /** Since the start of the run, over all resumptions. */
  readonly seconds: number;
}

export interface TestResult {
  readonly top1Error: number;
  readonly top5Error: number;
  readonly loss: number;
}

/** What a training leaves in summary.json. Errors in percent; null where nothing was measured. */
export interface TrainResult {
  readonly status: 'finished' | 'interrupted';
  readonly network: string;
  readonly form: Form;
  readonly dataset: string;
  readonly recipe: string;
  /** Epochs trained. */
  readonly epochs: number;
  readonly trainTop1Error: number | null;
  readonly validationTop1Error: number | null;
  /** Of the weights after the last epoch. */
  readonly testTop1Error: number | null;
  readonly testTop5Error: number | null;
  readonly testLoss: number | null;
  /** The epoch that was best on the validation pictures, and the test result of its weights. */
  readonly best: {
    readonly epoch: number;
    readonly validationTop1Error: number;
    readonly test: TestResult | null;
  } | null;
  /** Median over the training steps of this process. */
  readonly imagesPerSecond: number | null;
  /** Training with its validations, over all resumptions; without the final test. */
  readonly seconds: number;
  /** Picture files that this process left out (`onBadImage: 'skip'`); absent for none. */
  readonly skippedPictures?: number;
  readonly out: string;
  /** The last and the best weights. */
  readonly weights: { readonly last: string | null; readonly best: string | null };
  /** How the numbers came about. */
  readonly protocol: Protocol;
}

export interface Protocol {
  readonly dtype: ComputeType;
  readonly engine: EngineDescription;
  readonly laurel: string;
  readonly node: string;
  readonly seed: number;
  readonly batch: number;
  readonly pictures: { readonly train: number; readonly validation: number; readonly test: number };
  /** Processes that trained it together; absent for one. */
  readonly ranks?: RanksConfig;
  /** How test pictures are shown to the network. */
  readonly crops: string;
}
