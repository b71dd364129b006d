// Where the pictures of a test come from: a data set in memory, or files that are decoded when their turn comes, so
// that memory does not grow with the number of pictures.
import type { Dataset } from '../data/dataset.ts';
import {
  decodeFile,
  fileSize,
  planarRaster,
  type Raster,
  type Scaling,
  scaleRaster,
} from '../data/raster.ts';
import type { Size } from '../data/resample.ts';

export interface PictureSource {
  readonly length: number;
  /** The file, or the number in the data set. */
  name(index: number): string;
  /** Of the picture as it is, px. */
  size(index: number): Promise<Size>;
  /** The picture at a scale; `original` is its size where it is known. */
  raster(index: number, channels: number, scaling: Scaling, original?: Size): Promise<Raster>;
}

export function fileSource(paths: readonly string[]): PictureSource {
  const path = (index: number): string => paths[index] as string;
  return {
    length: paths.length,
    name: path,
    size: (index) => fileSize(path(index)),
    raster: (index, channels, scaling, original) => decodeFile(path(index), channels, scaling, original),
  };
}

/** The pictures of `dataset` at `indices`, in that order. */
export function datasetSource(dataset: Dataset, indices: Uint32Array): PictureSource {
  const { channels, height, width, pixels } = dataset;
  const size = channels * height * width;
  const at = (index: number): number => indices[index] as number;
  return {
    length: indices.length,
    name: (index) => `${dataset.name} ${dataset.split} ${at(index)}`,
    size: async () => ({ height, width }),
    raster: (index, _channels, scaling) => {
      const bytes = pixels.subarray(at(index) * size, (at(index) + 1) * size);
      return scaleRaster(planarRaster(bytes, channels, { height, width }), scaling);
    },
  };
}
