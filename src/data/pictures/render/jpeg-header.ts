// What a JPEG file says before its pixels: size, components, and how it was held (EXIF). Reading these few hundred
// bytes here takes microseconds, so the part of a picture that is wanted is known before anything is decoded.
// Source: ITU-T T.81, annex B (markers); EXIF 2.3, section 4.6 (TIFF fields in APP1, tag 0x0112).
import type { Size } from '../../resample.ts';

export interface JpegHeader extends Size {
  /** 1 grey, 3 colour, 4 CMYK. */
  readonly components: number;
  /** EXIF orientation, 1 (upright) to 8. */
  readonly orientation: number;
  /** Whether the file closes with the end-of-image marker; one without it is cut off, or has something after it. */
  readonly complete: boolean;
}

/** The header of a JPEG file; undefined for other files and for headers that are cut off. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes.length < 4 || bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  const word = (at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  let orientation = 1;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Restart markers and TEM stand alone; the scan or the end before any frame: no picture.
    if ((marker >= 0xd0 && marker <= 0xd7) || marker === 0x01) {
      at += 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) return undefined;
    const length = word(at + 2);
    if (marker === 0xe1)
      orientation = exifOrientation(bytes.subarray(at + 4, at + 2 + length)) ?? orientation;
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) {
      const complete = word(bytes.length - 2) === 0xffd9;
      const [height, width, components] = [word(at + 5), word(at + 7), bytes[at + 9] as number];
      return { height, width, components, orientation, complete };
    }
    at += 2 + length;
  }
  return undefined;
}

function exifOrientation(segment: Uint8Array): number | undefined {
  // "Exif", two zeros, then a TIFF header of eight bytes.
  if (segment.length < 16 || String.fromCharCode(...segment.subarray(0, 4)) !== 'Exif') return undefined;
  const tiff = new DataView(segment.buffer, segment.byteOffset + 6, segment.length - 6);
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  if (directory + 2 > tiff.byteLength) return undefined;
  const entries = tiff.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.byteLength) return undefined;
    if (tiff.getUint16(at, little) === 0x0112) {
      const value = tiff.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : undefined;
    }
  }
  return undefined;
}
