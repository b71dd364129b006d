// From a description (storage, offset, shape, strides) to plain row-major f32. A contiguous tensor is read straight
// from the file; another one (a transposed matrix, a channels-last filter) is gathered element by element. Tensors
// that are the same view of the same storage (tied weights) share one array.
import type { PickleTensor } from './pickle-values.ts';
import { type ReadBytes, readElements, type StoredType, storedBytes, widen } from './storage.ts';
import { elementCount, type Tensor } from './tensor-file.ts';
import type { Budget } from './weights-file.ts';

/** Reads from the storage called `key`, whose bytes are counted from 0. */
export type OpenStorage = (key: string) => ReadBytes;

const blockElements = 1 << 16;

/** A function that reads tensors and remembers those that it has read. */
export function tensorReader(open: OpenStorage, budget: Budget): (tensor: PickleTensor) => Tensor {
  const known = new Map<string, Float32Array>();
  return (tensor) => {
    const { storage, type, offset, shape, strides } = tensor;
    const identity = [storage.key, storage.start, type, offset, shape.join('x'), strides.join('x')].join(' ');
    let data = known.get(identity);
    if (data === undefined) {
      data = readTensor(tensor, open(storage.key), budget);
      known.set(identity, data);
    }
    return { shape, data };
  };
}

function readTensor(tensor: PickleTensor, read: ReadBytes, budget: Budget): Float32Array {
  const { storage, type, offset, shape } = tensor;
  const total = elementCount(shape);
  budget.spend(4 * total, `a tensor of ${total} elements`);
  if (total === 0) return new Float32Array(0);
  const start = storage.start + offset * storedBytes[type];
  if (isContiguous(tensor)) return readElements(read, start, type, total);
  // From the first element to the last one; what lies between is read too, and is paid for.
  const span =
    1 + tensor.strides.reduce((sum, stride, axis) => sum + stride * ((shape[axis] as number) - 1), 0);
  const bytes = span * storedBytes[type];
  budget.spend(bytes, `a tensor that is spread over ${bytes} bytes`);
  const source = new Uint8Array(bytes);
  read(source, start);
  return gather(source.buffer, tensor, total);
}

/** Row-major: each stride is the product of the sizes after it. Strides of axes of size 1 do not matter. */
function isContiguous({ shape, strides }: PickleTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

function gather(source: ArrayBuffer, { type, shape, strides }: PickleTensor, total: number): Float32Array {
  const result = new Float32Array(total);
  const elements = rawArray(source, type);
  const block = rawArray(new ArrayBuffer(Math.min(total, blockElements) * storedBytes[type]), type);
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let done = 0; done < total; ) {
    const part = Math.min(total - done, block.length);
    for (let i = 0; i < part; i++) {
      block[i] = elements[at] as never;
      // The next index in row order, and where its element stands.
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const next = (index[axis] as number) + 1;
        at += strides[axis] as number;
        if (next < (shape[axis] as number)) {
          index[axis] = next;
          break;
        }
        index[axis] = 0;
        at -= next * (strides[axis] as number);
      }
    }
    widen(block.buffer as ArrayBuffer, type, result.subarray(done, done + part));
    done += part;
  }
  return result;
}

/** The elements as unsigned integers of their size: moving them must not change a bit. */
function rawArray(
  buffer: ArrayBuffer,
  type: StoredType,
): Uint8Array | Uint16Array | Uint32Array | BigUint64Array {
  switch (storedBytes[type]) {
    case 1:
      return new Uint8Array(buffer);
    case 2:
      return new Uint16Array(buffer);
    case 4:
      return new Uint32Array(buffer);
    default:
      return new BigUint64Array(buffer);
  }
}
