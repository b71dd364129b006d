// One picture made ready for a pack: upright, transparent parts on black, RGB of eight bits, its short side brought to
// the pack's, by the same filter as everywhere (triangle). Smaller pictures keep their size: enlarging adds nothing.
import sharp from 'sharp';
import { mostPixels } from '../../raster.ts';
import type { StoredPicture } from '../picture-store.ts';
import { BadPicture, checkFormat, checkPixels, decoding } from '../render/bad-picture.ts';
import type { PackFormat } from './file.ts';

export interface PackSettings {
  readonly side: number;
  readonly format: PackFormat;
  readonly quality: number;
}

export interface PackedPicture {
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** What it took where it came from. */
  readonly sourceBytes: number;
}

const mostSide = 65535;

/** Throws BadPicture: empty, no picture, too large, cut off or damaged. */
export async function packPicture(
  stored: StoredPicture,
  { side, format, quality }: PackSettings,
): Promise<PackedPicture> {
  const { open, height, width, sourceBytes } = await input(stored);
  const factor = Math.min(1, side / Math.min(height, width));
  const target = { height: scaled(height, factor), width: scaled(width, factor) };
  if (Math.max(target.height, target.width) > mostSide) {
    throw new BadPicture(`it would be ${target.width}x${target.height} px, more than ${mostSide} on a side`);
  }
  const upright = open().autoOrient().flatten();
  const sized =
    factor === 1
      ? upright
      : upright.resize({ ...target, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false });
  const rgb = sized.toColourspace('srgb');
  if (format === 'jpeg') {
    // Colour at full resolution: what is trained on is resized again.
    const bytes = await decoding(() => rgb.jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer());
    return { bytes, ...target, sourceBytes };
  }
  const { data, info } = await decoding(() =>
    rgb.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }),
  );
  if (info.height !== target.height || info.width !== target.width) {
    throw new BadPicture(`its header says ${width}x${height} px, but it holds another size`);
  }
  if (info.channels === 3) return { bytes: data, ...target, sourceBytes };
  if (info.channels === 1) return { bytes: inThreeChannels(data), ...target, sourceBytes };
  throw new BadPicture(`it has ${info.channels} channels, expected grey or RGB`);
}

function scaled(length: number, factor: number): number {
  return Math.max(1, Math.round(length * factor));
}

async function input(stored: StoredPicture) {
  if (stored.kind === 'pixels') {
    const { data, height, width } = stored;
    const open = () => sharp(data, { raw: { height, width, channels: 3 } });
    return { open, height, width, sourceBytes: data.length };
  }
  const { bytes } = stored;
  checkFormat(bytes);
  const open = () => sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: mostPixels });
  const { autoOrient } = await decoding(() => open().metadata());
  checkPixels(autoOrient);
  return { open, height: autoOrient.height, width: autoOrient.width, sourceBytes: bytes.length };
}

/** A grey file gives one channel. */
function inThreeChannels(grey: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(3 * grey.length);
  for (let i = 0; i < grey.length; i++) bytes.fill(grey[i] as number, 3 * i, 3 * i + 3);
  return bytes;
}
