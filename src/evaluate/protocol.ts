// How pictures are shown in a test: which crops at which scales. A result without its protocol says nothing: the same
// weights differ by several points between them.
import type { Size } from '../data/resample.ts';
import { UserError } from '../errors.ts';
import { type CropName, windowsOf } from './crops.ts';
import type { Preprocessing } from './preprocessing.ts';

export interface ProtocolRequest {
  /** Default '1'. */
  readonly crops?: CropName;
  /** Short sides, px. Default: the weights' own; for 144 crops GoogLeNet's four. */
  readonly scales?: readonly number[];
}

/** A protocol for one network. */
export interface Protocol {
  readonly crops: CropName;
  /** Short sides, px; undefined stands for "as small as the crop fits", the picture's own size for small data sets. */
  readonly scales: readonly (number | undefined)[];
  /** What the network is shown, px; for dense tests the least of it. */
  readonly crop: Size;
  /** Views of each picture whose softmax is averaged. */
  readonly views: number;
}

/** GoogLeNet's scales for its crop of 224 px, section 7 of the paper. */
const googlenetScales = [256, 288, 320, 352];
const googlenetCrop = 224;

/** Settles the open parts of a request by how the weights take pictures. Throws a UserError for impossible scales. */
export function protocolFor(request: ProtocolRequest, preprocessing: Preprocessing): Protocol {
  const { crops = '1' } = request;
  const { height, width, resize } = preprocessing;
  const least = Math.min(height, width);
  const scales: readonly (number | undefined)[] =
    request.scales ?? (crops === '144' ? scalesFor(least) : [resize]);
  if (scales.length === 0) throw new UserError('No scales to test at. Give one or more.', { exitCode: 2 });
  const small = scales.find((scale) => scale !== undefined && scale < least);
  if (small !== undefined) {
    throw new UserError(
      `At the scale of ${small} px a picture has no crop of ${height}x${width}. Choose scales of at least ${least}.`,
      { exitCode: 2 },
    );
  }
  if (crops === '10' && scales.includes(undefined)) {
    throw new UserError(
      'The weights take whole pictures, in which there is no room for 10 crops. Say how large to make the pictures, ' +
        'with --resize or --scales.',
      { exitCode: 2 },
    );
  }
  if (crops === '144' && height !== width) {
    throw new UserError(`144 crops are cut from squares; this network takes ${height}x${width}.`, {
      exitCode: 2,
    });
  }
  const crop = { height, width };
  const perScale = windowsOf(crops, crop, crop).length;
  return { crops, scales, crop, views: perScale * scales.length };
}

function scalesFor(crop: number): number[] {
  return googlenetScales.map((scale) => Math.round((scale * crop) / googlenetCrop));
}

/** The protocol in words, for a person. */
export function describeProtocol({ crops, scales, crop, views }: Protocol, models = 1): string {
  const size = `${crop.height}x${crop.width}`;
  const own = scales.every((scale) => scale === undefined);
  const sides = scales.filter((scale) => scale !== undefined).join(', ');
  const at = own ? '' : `short side ${sides}, `;
  const parts: Record<CropName, string> = {
    1: own ? 'one view per picture: the whole of it' : `one view per picture and scale: ${at}centre ${size}`,
    10: `10 crops of ${size}${scales.length > 1 ? ' per scale' : ''}: ${at}four corners, centre, mirrored`,
    144: `${views} crops of ${size}: ${at}3 squares, each its corners, centre and whole, mirrored`,
    dense: `dense: ${at}the network as a convolution over the whole picture, its class map averaged, mirrored too`,
  };
  const words = crops === '1' && scales.length === 1 && !own ? `one crop: ${at}centre ${size}` : parts[crops];
  const averaged = views > 1 ? `; softmax averaged over ${views} views` : '';
  const together = models > 1 ? `; ${models} models, softmax averaged` : '';
  return `${words}${averaged}${together}`;
}
