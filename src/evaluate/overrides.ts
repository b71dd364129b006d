// What a caller says about the preparation of pictures against what the weights say: `--mean`, `--std`, `--resize`,
// `--crop`, `--interpolation`, `--range`, `--channel-order`.
import type { Interpolation } from '../data/resample.ts';
import { UserError } from '../errors.ts';
import type { ChannelOrder, Preprocessing } from './preprocessing.ts';

export interface PreprocessingOverrides {
  /** One number per channel, or one for all, in the weights' range. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Short side before the crop, px. */
  readonly resize?: number;
  /** Side of the square that the network sees, px. */
  readonly crop?: number;
  readonly interpolation?: Interpolation;
  readonly range?: 1 | 255;
  readonly order?: ChannelOrder;
}

/** `base` with what the caller said. Throws a UserError for numbers that cannot be. */
export function applyOverrides(base: Preprocessing, overrides: PreprocessingOverrides = {}): Preprocessing {
  const { crop, resize = base.resize, range = base.range, order = base.order } = overrides;
  const { channels } = base;
  const mean = perChannel('mean', overrides.mean, channels) ?? base.normalise.mean;
  const std = perChannel('std', overrides.std, channels) ?? base.normalise.std;
  if (!std.every((value) => value > 0)) {
    throw new UserError(`The std is ${std.join(', ')}; expected numbers above 0.`, { exitCode: 2 });
  }
  const height = crop ?? base.height;
  const width = crop ?? base.width;
  if (resize !== undefined && resize < Math.min(height, width)) {
    throw new UserError(
      `Pictures with a short side of ${resize} px have no crop of ${height}x${width}. ` +
        'Choose a larger --resize or a smaller --crop.',
      { exitCode: 2 },
    );
  }
  const interpolation = overrides.interpolation ?? base.interpolation;
  const normalise = { mean, std };
  const { meanPicture, ...rest } = base;
  // A mean that is given takes the place of the mean of each pixel.
  const kept = overrides.mean === undefined && meanPicture !== undefined ? { meanPicture } : {};
  return { ...rest, ...kept, height, width, resize, range, order, interpolation, normalise };
}

/** Whether the caller wants pictures of another size than the weights do. */
export function resizes({ crop, resize }: PreprocessingOverrides = {}): boolean {
  return crop !== undefined || resize !== undefined;
}

function perChannel(what: string, values: readonly number[] | undefined, channels: number) {
  if (values === undefined || values.length === channels) return values;
  if (values.length === 1) return new Array<number>(channels).fill(values[0] as number);
  throw new UserError(
    `The ${what} has ${values.length} numbers; expected one for each of the ${channels} channels, or one for all.`,
    { exitCode: 2 },
  );
}
