// Plain JPEG files by libjpeg-turbo itself, where the system has it (`libturbojpeg`, called through koffi): sharp's way
// to the same bytes takes three times as long, most of it around the decoder. The accurate inverse transform and smooth
// chroma are what sharp and PIL use too, so a training sees the same pixels whichever decodes (a test compares them).
// What libjpeg-turbo has an objection to is left to sharp, whose verdict counts.
import { addressOf, type NativeFunction, openForeign } from '../../../foreign.ts';
import type { Size } from '../../resample.ts';
import type { PixelBytes } from './paint.ts';

/** Decodes a JPEG of 1 or 3 components, whole; undefined where it should be looked at by another decoder. */
export type JpegDecoder = (
  bytes: Uint8Array,
  size: Size & { readonly components: number },
) => PixelBytes | undefined;

const files = [
  ...['libturbojpeg.so.0', '/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib'],
  '/usr/local/opt/jpeg-turbo/lib/libturbojpeg.dylib',
];

// turbojpeg.h of libjpeg-turbo 1.2 to 3
const pixelFormats = { 1: 6, 3: 0 } as const;
const accurateTransform = 4096;
const stopAtWarnings = 8192;

let opened: { decode: JpegDecoder | undefined } | undefined;

/** The decoder of this thread; undefined where the library is not installed. Its pixels live until its next call. */
export function turboJpeg(): JpegDecoder | undefined {
  opened ??= { decode: open() };
  return opened.decode;
}

function open(): JpegDecoder | undefined {
  const library = openForeign(files);
  if (library === undefined) return undefined;
  const handle = library.call('tjInitDecompress', 'p()')() as unknown as bigint;
  if (!handle) return undefined;
  const decompress: NativeFunction = library.call('tjDecompress2', 'i(ppzpiiiii)');
  let pixels = new Uint8Array(new ArrayBuffer(3 * 512 * 512));
  let address = addressOf(pixels.buffer);
  return (bytes, { height, width, components }) => {
    if (components !== 1 && components !== 3) return undefined;
    const length = height * width * components;
    if (pixels.length < length) {
      pixels = new Uint8Array(new ArrayBuffer(length));
      address = addressOf(pixels.buffer);
    }
    const source = addressOf(bytes.buffer) + BigInt(bytes.byteOffset);
    const flags = accurateTransform | stopAtWarnings;
    const format = pixelFormats[components];
    const failed = decompress(...[handle, source, bytes.length, address, width, 0, height, format, flags]);
    return failed ? undefined : { data: pixels.subarray(0, length), channels: components, height, width };
  };
}
