// Why a file gives no picture, in words that follow its name: "x.jpg cannot be used: it is empty (0 bytes)."
import { UserError } from '../../../errors.ts';
import { mostPixels } from '../../raster.ts';
import type { Size } from '../../resample.ts';

/** A stored picture that cannot be decoded; its message is a clause about "it". Anything else thrown is a defect. */
export class BadPicture extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'BadPicture';
  }
}

/** The reason, when `error` is about the picture itself: damaged, no picture, or not readable. */
export function badPictureReason(error: unknown): string | undefined {
  if (error instanceof BadPicture) return error.message;
  // What the store says names the file already.
  return error instanceof UserError ? error.message.replace(/\.$/, '') : undefined;
}

/** Says which picture was refused, why, and what to do; `skippable`: it may be left out instead. */
export function badPictureError(name: string, reason: string, skippable = true): UserError {
  const skipping = skippable ? ', or let such pictures be skipped (--on-bad-image skip)' : '';
  return new UserError(`${name} cannot be used: ${reason}. Remove or replace it${skipping}.`);
}

const formats = 'JPEG, PNG, WebP, GIF, TIFF or AVIF';

/** Throws for bytes that do not begin as the formats of pictures do, whatever the file is called. */
export function checkFormat(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new BadPicture('it is empty (0 bytes)');
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  const known =
    head.startsWith('\xff\xd8\xff') ||
    head.startsWith('\x89PNG\r\n\x1a\n') ||
    head.startsWith('GIF8') ||
    (head.startsWith('RIFF') && head.slice(8) === 'WEBP') ||
    /^(II[*+]\0|MM\0[*+])/.test(head) ||
    /^....ftyp(avi[fs]|mif1|msf1)/s.test(head);
  if (known) return;
  const looks = /^\s*<(!doctype|html|\?xml|svg)/i.test(head) ? ' (it looks like a web page or XML)' : '';
  throw new BadPicture(`it is no ${formats} file, whatever its name says${looks}`);
}

/** Throws for pictures that would fill the memory when decoded. */
export function checkPixels({ height, width }: Size): void {
  if (height < 1 || width < 1) throw new BadPicture(`it says that it is ${width}x${height} px`);
  if (height * width > mostPixels) {
    throw new BadPicture(`it would be ${width}x${height} px when decoded, more than ${limit}`);
  }
}

const limit = `the ${mostPixels / 1e6} million pixels that are accepted`;

/** What libvips says about a picture, as a reason. */
export async function decoding<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (error) {
    const cause = (error as Error).message.trim().split('\n')[0] as string;
    if (/pixel limit/i.test(cause)) throw new BadPicture(`it has more than ${limit}`, { cause: error });
    throw new BadPicture(`it is cut off or damaged (${cause.replace(/\.$/, '')})`, { cause: error });
  }
}
