// What the views of a report are made of, alike for all that run the network.
import type { ComputeType, Engine } from '../engines/engine.ts';
import type { Subject } from '../explain/scan.ts';
import type { Site } from './site.ts';

export interface ViewsRequest {
  readonly site: Site;
  readonly subject: Subject;
  readonly engine: Engine;
  readonly dtype: ComputeType;
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: ((text: string) => void) | undefined;
}

/** Of chosen pictures. */
export interface ChosenViewsRequest extends ViewsRequest {
  /** N x C x H x W, prepared. */
  readonly images: Float32Array;
  readonly names: readonly string[];
  readonly classes: readonly string[];
}
