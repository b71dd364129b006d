// Which parts of a picture the network is shown, as the challenge's papers have it. Everything here is geometry on
// the picture after its short side was brought to a scale; a window of another size than the crop is resized to it.
//   1      the centre
//   10     four corners and the centre, and their mirror images (AlexNet, section 4.1; the classic "10-crop")
//   144    GoogLeNet, section 7: at each of 4 scales three squares along the long side (left, centre, right, or top,
//          centre, bottom); of each its four corners, its centre and the whole of it; all mirrored: 4 x 3 x 6 x 2
//   dense  the whole picture and its mirror image, the network run as a convolution over it (VGG, section 3.2)
// Where a margin is odd, the centre lies half a pixel towards the upper left.
import type { Size } from '../data/resample.ts';

export type CropName = '1' | '10' | '144' | 'dense';
export const cropNames: readonly CropName[] = ['1', '10', '144', 'dense'];

/** A part of a picture, px. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** Shown mirrored, left to right. */
  readonly mirror: boolean;
}

type Part = Omit<Window, 'mirror'>;

/** The windows at one scale: 1, 10, 36 (144 over four scales) or, dense, 2. `picture` must be as large as `crop`. */
export function windowsOf(name: CropName, picture: Size, crop: Size): Window[] {
  if (picture.height < crop.height || picture.width < crop.width) {
    const [got, wanted] = [picture, crop].map(({ height, width }) => `${height}x${width}`);
    throw new Error(`a picture of ${got} has no crop of ${wanted}`);
  }
  const whole: Part = { top: 0, left: 0, ...picture };
  switch (name) {
    case '1':
      return [{ ...centre(whole, crop), mirror: false }];
    case '10':
      return mirrored([...corners(whole, crop), centre(whole, crop)]);
    case '144':
      return mirrored(
        squares(picture).flatMap((square) => [...corners(square, crop), centre(square, crop), square]),
      );
    case 'dense':
      return mirrored([centre(whole, crop)]);
  }
}

/** The three squares along the long side; of a square picture three times the same, as the paper counts it. */
function squares({ height, width }: Size): Part[] {
  const side = Math.min(height, width);
  return [0, 0.5, 1].map((place) => ({
    top: Math.floor((height - side) * place),
    left: Math.floor((width - side) * place),
    height: side,
    width: side,
  }));
}

function corners({ top, left, height, width }: Part, crop: Size): Part[] {
  const bottom = top + height - crop.height;
  const right = left + width - crop.width;
  const size = { height: crop.height, width: crop.width };
  return [
    { top, left, ...size },
    { top, left: right, ...size },
    { top: bottom, left, ...size },
    { top: bottom, left: right, ...size },
  ];
}

function centre({ top, left, height, width }: Part, crop: Size): Part {
  return {
    top: top + Math.floor((height - crop.height) / 2),
    left: left + Math.floor((width - crop.width) / 2),
    height: crop.height,
    width: crop.width,
  };
}

function mirrored(parts: readonly Part[]): Window[] {
  return [false, true].flatMap((mirror) => parts.map((part) => ({ ...part, mirror })));
}
