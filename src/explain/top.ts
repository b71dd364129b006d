// Figure 2 of the ZFNet paper as data: for chosen feature maps the pictures that excite them most, each activation
// projected alone down to the pixels, with the part of the picture that it could see beside it. Units come one at a
// time, so that memory does not grow with the number of maps.
import { permutation } from '../data/random.ts';
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { type Box, findLayer } from './layer.ts';
import { createProjector, type Projection, type Rule } from './project.ts';
import type { LayerScan, Subject } from './scan.ts';
import { inputPicture, inputSize, inputsOf } from './scan-input.ts';
import { type TopEntry, topEntries } from './top-list.ts';

export interface ProjectedEntry extends TopEntry {
  /** The picture's file, or its number in the data set. */
  readonly name: string;
  readonly box: Box;
  /** The projection inside the box, C x box height x box width, signed; outside a deconvnet's is zero. */
  readonly pixels: Float32Array;
  /** The same part of the picture, planar bytes, one or three channels in the order RGB. */
  readonly patch: Uint8Array;
}

export interface ProjectedUnit {
  readonly unit: number;
  /** Pictures in which the unit was above zero. */
  readonly active: number;
  readonly entries: readonly ProjectedEntry[];
}

export interface TopRequest {
  readonly subject: Subject;
  readonly source: PictureSource;
  readonly engine: Engine;
  readonly dtype: ComputeType;
  readonly scan: LayerScan;
  readonly units: readonly number[];
  /** Default deconvnet. */
  readonly rule?: Rule;
}

/** `count` of a layer's units, drawn with a seed and sorted; all of them where there are no more. */
export function chooseUnits(units: number, count: number, seed: number): number[] {
  return Array.from(permutation(units, seed, 0).subarray(0, count)).sort((a, b) => a - b);
}

/** Throws a UserError for a unit that the layer does not have. */
export function checkUnits(layer: string, units: number, wanted: readonly number[]): void {
  const missing = wanted.find((unit) => !Number.isInteger(unit) || unit < 0 || unit >= units);
  if (missing === undefined) return;
  throw new UserError(`${layer} has no unit ${missing}; its ${units} units are 0 to ${units - 1}.`, {
    exitCode: 2,
  });
}

/** The strongest activations of each unit, projected, in the order of `units`. */
export async function* projectTop(request: TopRequest): AsyncGenerator<ProjectedUnit> {
  const { subject, source, scan, units, rule = 'deconvnet', engine, dtype } = request;
  checkUnits(scan.layer, scan.units, units);
  const batch = scan.top.size;
  const network = subject.build(batch);
  const layer = findLayer(network, scan.layer);
  const projector = createProjector(engine, network, subject.tensors, layer, { rule, dtype });
  const size = inputSize(subject.preprocessing);
  const length = size[0] * size[1] * size[2];
  try {
    for (const unit of units) {
      const entries = topEntries(scan.top, unit);
      const inputs = await inputsOf(
        source,
        subject.preprocessing,
        entries.map(({ picture }) => picture),
      );
      // The projector takes a full batch; what lies behind the last entry is not projected.
      const images = new Float32Array(batch * length);
      images.set(inputs);
      const seeds = entries.map(({ position }) => ({ unit, position }));
      const projections = entries.length === 0 ? [] : projector.project(images, seeds);
      yield {
        unit,
        active: scan.top.active[unit] as number,
        entries: entries.map((entry, i) => {
          const { box, pixels } = projections[i] as Projection;
          const picture = inputPicture(inputs.subarray(i * length, (i + 1) * length), subject.preprocessing);
          const inside = crop(pixels, size, box);
          return {
            ...entry,
            name: source.name(entry.picture),
            box,
            pixels: inside,
            patch: cropBytes(picture, size, box),
          };
        }),
      };
    }
  } finally {
    projector.dispose();
  }
}

/** The part of planar values inside a box. */
export function crop(
  pixels: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  box: Box,
): Float32Array {
  return copyBox(pixels, new Float32Array(channels * area(box)), channels, height, width, box);
}

function cropBytes(
  pixels: Uint8Array,
  [, height, width]: readonly [number, number, number],
  box: Box,
): Uint8Array {
  const channels = pixels.length / (height * width);
  return copyBox(pixels, new Uint8Array(channels * area(box)), channels, height, width, box);
}

function area({ top, left, bottom, right }: Box): number {
  return (bottom - top) * (right - left);
}

function copyBox<T extends Float32Array | Uint8Array>(
  from: T,
  to: T,
  channels: number,
  height: number,
  width: number,
  { top, left, bottom, right }: Box,
): T {
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = top; y < bottom; y++) {
      const start = (channel * height + y) * width;
      for (let x = left; x < right; x++) to[at++] = from[start + x] as number;
    }
  }
  return to;
}
