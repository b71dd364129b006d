// `paintPart` by the vector kernel, in single precision: what training pictures are painted with where there is one. The
// pixels are copied to the kernel's memory and the crop back from it, a tenth of the time that is saved.
import type { Interpolation } from '../../resample.ts';
import type { Part } from './draw.ts';
import { type PixelBytes, paintPart, planTaps, type Taps, type Target } from './paint.ts';
import { createPaintKernel, type PaintKernel } from './paint-kernel.ts';

let kernel: PaintKernel | undefined;
let sought = false;

/** As `paintPart`, to within single precision; grey pictures, and all without vectors, by that very function. */
export function paintFast(
  pixels: PixelBytes,
  part: Part,
  cutFirst: boolean,
  interpolation: Interpolation,
  target: Target,
): void {
  if (!sought) kernel = createPaintKernel();
  sought = true;
  if (kernel === undefined || pixels.channels !== 3) paintPart(pixels, part, cutFirst, interpolation, target);
  else paintWith(kernel, pixels, part, cutFirst, interpolation, target);
}

function paintWith(
  { memory, mixRows, mixColumns }: PaintKernel,
  pixels: PixelBytes,
  part: Part,
  cutFirst: boolean,
  interpolation: Interpolation,
  { output, offset, size, channels, scale, shift, mirror }: Target,
): void {
  const { height, width } = size;
  const down = planTaps(0, part.top, part.height, pixels.height, height, cutFirst, interpolation);
  const across = planTaps(1, part.left, part.width, pixels.width, width, cutFirst, interpolation);
  const top = down.first[0] as number;
  const bottom = (down.first[height - 1] as number) + (down.counts[height - 1] as number);
  const left = across.first[0] as number;
  const right = (across.first[width - 1] as number) + (across.counts[width - 1] as number);
  const pitch = 3 * pixels.width;
  const blocks = Math.ceil((3 * (right - left)) / 16);
  const plane = 4 * height * width;
  const stride = 8 + 4 * across.most;
  // Each area ends with room for a vector that begins at its last byte.
  let end = 0;
  const area = (bytes: number): number => {
    const start = end;
    end = (end + bytes + 31) & ~15;
    return start;
  };
  const affine = area(32);
  const weights = area(4 * height * down.most);
  const table = area(width * stride);
  const row = area(64 * blocks);
  const source = area((bottom - top) * pitch);
  const result = area(3 * plane);
  if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / 65536));
  const floats = new Float32Array(memory.buffer);
  for (let c = 0; c < 3; c++) {
    const p = channels.indexOf(c as 0 | 1 | 2);
    floats[affine / 4 + c] = scale[p] as number;
    floats[affine / 4 + 4 + c] = shift[p] as number;
  }
  for (let i = 0; i < height * down.most; i++) floats[weights / 4 + i] = down.weights[i] as number;
  writeTable(floats, new Int32Array(memory.buffer), table / 4, across, width, left);
  new Uint8Array(memory.buffer, source).set(pixels.data.subarray(top * pitch, bottom * pitch));
  const [step, start] = mirror ? [-4, 4 * (width - 1)] : [4, 0];
  const red = result + start + plane * channels.indexOf(0);
  const green = result + start + plane * channels.indexOf(1);
  const blue = result + start + plane * channels.indexOf(2);
  for (let y = 0; y < height; y++) {
    const from = source + ((down.first[y] as number) - top) * pitch + 3 * left;
    mixRows(from, pitch, down.counts[y] as number, weights + 4 * y * down.most, row, blocks);
    const line = 4 * y * width;
    mixColumns(row, table, stride, red + line, green + line, blue + line, step, width, affine);
  }
  output.set(floats.subarray(result / 4, (result + 3 * plane) / 4), offset);
}

/** Of each output column: bytes to its first input, number of inputs, weights. */
function writeTable(
  floats: Float32Array,
  whole: Int32Array,
  start: number,
  { first, counts, weights, most }: Taps,
  width: number,
  left: number,
): void {
  for (let x = 0, at = start; x < width; x++, at += 2 + most) {
    whole[at] = 12 * ((first[x] as number) - left);
    whole[at + 1] = counts[x] as number;
    for (let k = 0; k < most; k++) floats[at + 2 + k] = weights[x * most + k] as number;
  }
}
