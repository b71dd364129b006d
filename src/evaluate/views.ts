// Views of pictures as a network's input: bytes become normalised f32, planes in the weights' channel order, mirrored
// where the protocol says so.
import { type Raster, resizedPart, type Scaling } from '../data/raster.ts';
import type { Size } from '../data/resample.ts';
import type { Window } from './crops.ts';
import { type StoredMean, unpackMean } from './mean-picture.ts';
import { type Preprocessing, unitNormalisation } from './preprocessing.ts';
import type { Protocol } from './protocol.ts';

/** What a picture file or data set's picture is brought to for one scale of a protocol. */
export function scalingFor(
  { crop }: Protocol,
  { interpolation = 'bilinear' }: Preprocessing,
  scale: number | undefined,
): Scaling {
  return { least: scale === undefined ? crop : { height: scale, width: scale }, interpolation };
}

/** Pictures longer than this times their short side are cut to it in a dense test. */
const longestSide = 4;

/**
 * What a dense test shows of a picture, px: all of it but for what would be less than one more step of the network.
 * A step is a seventh of the crop, 32 px of 224, the stride of the last maps; so few different sizes are left that a
 * program is compiled for each.
 */
export function denseSize(picture: Size, crop: Size): Size {
  const short = Math.min(picture.height, picture.width);
  const side = (length: number, own: number): number => {
    const step = Math.max(1, Math.floor(own / 7));
    const most = Math.max(own, Math.min(length, longestSide * short));
    return own + Math.floor((most - own) / step) * step;
  };
  return { height: side(picture.height, crop.height), width: side(picture.width, crop.width) };
}

/**
 * The mean of each pixel of a window, for pixels in 0..1. The mean picture lies in the centre of a picture; where a
 * window reaches beyond it, its edge goes on, and a window of another scale has the middle of it.
 */
function meanWindow(
  stored: StoredMean,
  raster: Size,
  window: Window,
  shown: Size,
): (channel: number, y: number, x: number) => number {
  const { side, values } = unpackMean(stored);
  const sameScale = window.height === shown.height && Math.min(raster.height, raster.width) === side;
  const start = (at: number, length: number, whole: number): number =>
    sameScale ? at - Math.floor((whole - side) / 2) : Math.floor((side - length) / 2);
  const top = start(window.top, shown.height, raster.height);
  const left = start(window.left, shown.width, raster.width);
  const inside = (place: number): number => Math.min(side - 1, Math.max(0, place));
  return (channel, y, x) => values[(channel * side + inside(top + y)) * side + inside(left + x)] as number;
}

/** Writes one window, shown at `shown` px, and the padding around it, to `output` from `offset` on. */
export function writeView(
  output: Float32Array,
  offset: number,
  raster: Raster,
  window: Window,
  shown: Size,
  preprocessing: Preprocessing,
): void {
  const { pad, channels, order = 'RGB', interpolation = 'bilinear' } = preprocessing;
  const resized = window.height !== shown.height || window.width !== shown.width;
  const from = resized ? resizedPart(raster, window, shown, interpolation) : raster;
  const [top, left] = resized ? [0, 0] : [window.top, window.left];
  const { mean, std } = unitNormalisation(preprocessing);
  const picture = preprocessing.meanPicture && meanWindow(preprocessing.meanPicture, raster, window, shown);
  const [height, width] = [shown.height + 2 * pad, shown.width + 2 * pad];
  const step = window.mirror ? -from.pixelStep : from.pixelStep;
  const start = window.mirror ? left + shown.width - 1 : left;
  for (let channel = 0; channel < channels; channel++) {
    const deviation = std[channel] as number;
    const scale = 1 / (255 * deviation);
    const shift = picture === undefined ? -(mean[channel] as number) / deviation : 0;
    // A grey file gives one channel.
    const wanted = order === 'BGR' ? channels - 1 - channel : channel;
    const source = Math.min(wanted, from.channels - 1) * from.planeStep;
    const plane = offset + channel * height * width;
    if (pad > 0) output.fill(shift, plane, plane + height * width);
    for (let y = 0; y < shown.height; y++) {
      let at = plane + (y + pad) * width + pad;
      let byte = source + ((top + y) * from.width + start) * from.pixelStep;
      for (let x = 0; x < shown.width; x++, byte += step) {
        output[at++] = (from.data[byte] as number) * scale + shift;
      }
    }
    if (picture === undefined) continue;
    for (let y = 0; y < shown.height; y++) {
      let at = plane + (y + pad) * width + pad;
      for (let x = 0; x < shown.width; x++, at++) {
        const column = window.mirror ? shown.width - 1 - x : x;
        output[at] = (output[at] as number) - picture(wanted, y, column) / deviation;
      }
    }
  }
}
