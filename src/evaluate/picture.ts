// A picture file as the bytes that a data set would hold: upright, without transparency, resized so that its short
// side fits and cut to the middle, grey or RGB.
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import { UserError } from '../errors.ts';

/**
 * Decodes `path` to planar (C,H,W) bytes; `channels` is 1 (grey) or 3 (RGB).
 * Throws a UserError that names the file when it is missing or no picture.
 */
export async function decodePicture(
  path: string,
  channels: number,
  height: number,
  width: number,
): Promise<Uint8Array> {
  if (channels !== 1 && channels !== 3) {
    throw new UserError(
      `The network takes pictures of ${channels} channels; files give 1 (grey) or 3 (RGB).`,
    );
  }
  if (!existsSync(path)) throw new UserError(`There is no file ${path}. Check the path.`);
  let interleaved: Buffer;
  try {
    interleaved = await sharp(path, { failOn: 'error' })
      .autoOrient()
      .flatten()
      .resize({ width, height, fit: 'cover', position: 'centre', kernel: 'linear', fastShrinkOnLoad: false })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer();
  } catch (error) {
    const cause = (error as Error).message.trim().split('\n')[0];
    throw new UserError(
      `${path} is not a picture that can be read: ${cause}. Give a JPEG, PNG or WebP file.`,
      {
        cause: error,
      },
    );
  }
  const plane = height * width;
  const stored = interleaved.length / plane;
  const planar = new Uint8Array(channels * plane);
  for (let channel = 0; channel < channels; channel++) {
    const source = Math.min(channel, stored - 1);
    for (let i = 0; i < plane; i++) planar[channel * plane + i] = interleaved[i * stored + source] as number;
  }
  return planar;
}
