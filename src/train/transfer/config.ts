// What of other weights a training starts from, what stays as it is and what learns more slowly: as it is asked for,
// and as it is stored in a run's config, from which a resumption makes the same training again.
import type { PreprocessingOverrides } from '../../evaluate/overrides.ts';

/** How many layers are copied from a network of another depth: convolutions from the front, linear layers from the back. */
export interface DepthShare {
  readonly first: number;
  readonly last: number;
}

export interface TransferRequest {
  /** A weights file or a run folder whose weights are taken whole, the head aside. */
  readonly weights?: string | undefined;
  /** How the weights want pictures, where their file does not say it, or says it wrongly. */
  readonly preparation?: PreprocessingOverrides | undefined;
  /** Draw the head afresh though it fits; default: only where the number of classes differs. */
  readonly newHead?: boolean | undefined;
  /** A weights file or a run folder, alone or as NETWORK=PATH, of a network of another depth: what fits is copied. */
  readonly startFrom?: string | undefined;
  /** Default VGG's (section 3.1): 4 convolutions, 3 linear layers. */
  readonly share?: DepthShare | undefined;
  /** The number of classes that the data must have. */
  readonly classes?: number | undefined;
  /** Layers that stay as they are; a path means everything in it, `head` the layer that makes the logits. */
  readonly freeze?: readonly string[] | undefined;
  /** Everything before this layer stays as it is. */
  readonly freezeUntil?: string | undefined;
  /** Everything but these layers stays as it is. */
  readonly trainOnly?: readonly string[] | undefined;
  /** Factors of the learning rate by layer; the longest path that fits counts. */
  readonly rates?: Readonly<Record<string, number>> | undefined;
}

export interface TransferConfig {
  readonly weights?: {
    readonly path: string;
    /** CRC-32 of what was taken from it. */
    readonly checksum: string;
    /** As they were asked for. */
    readonly newHead: boolean;
    readonly preparation?: PreprocessingOverrides;
    /** Absent for RGB; weights for BGR are turned, so that the run has RGB. */
    readonly order?: 'BGR';
    /** Layers that were drawn afresh. */
    readonly drawn: readonly string[];
  };
  readonly startFrom?: {
    readonly request: string;
    readonly network: string;
    readonly path: string;
    readonly checksum: string;
    readonly share: DepthShare;
    /** Layers copied: theirs, ours. */
    readonly copied: readonly (readonly [theirs: string, ours: string])[];
  };
  readonly freeze?: readonly string[];
  readonly freezeUntil?: string;
  readonly trainOnly?: readonly string[];
  readonly rates?: Readonly<Record<string, number>>;
}
