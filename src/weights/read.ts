// Weights from any file that people have: the format is what the first bytes say, whatever the file is called.
import { basename, extname } from 'node:path';
import { readNpyTyped } from './npy.ts';
import { readPytorchLegacy } from './pytorch-legacy.ts';
import { openPytorchZip, readPytorchZip } from './pytorch-zip.ts';
import { openSafetensors, readSafetensors } from './safetensors.ts';
import { withoutWrappers } from './state-dict.ts';
import { readExactly } from './storage.ts';
import type { TensorFile } from './tensor-file.ts';
import { BadFile, readFileAs } from './weights-file.ts';

export type WeightsFormat = 'safetensors' | 'pytorch-zip' | 'pytorch-legacy' | 'npy';

/** The magic number's pickle, after the protocol's two bytes: LONG1, ten bytes. */
const legacyMagic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
/** The same number in protocol 0. */
const legacyMagicText = 'L119547037146038801333356L';

/** What the file's first bytes say it is; anything that is not recognised is left to the safetensors reader. */
export function weightsFormat(path: string): WeightsFormat {
  return readFileAs(path, 'weights', (file, size) => {
    const start = Buffer.alloc(Math.min(size, 512));
    readExactly(file, start, 0);
    const text = start.toString('latin1');
    if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return 'pytorch-zip';
    if (text.startsWith('\x93NUMPY')) return 'npy';
    const isPickle = start[0] === 0x80 && (start[1] as number) <= 5;
    // From protocol 4 on, a frame's opcode and length come first.
    const magicAt = start[2] === 0x95 ? 11 : 2;
    const hasMagic = start.subarray(magicAt, magicAt + legacyMagic.length).equals(legacyMagic);
    if ((isPickle && hasMagic) || text.startsWith(legacyMagicText)) return 'pytorch-legacy';
    if (text.slice(257, 262) === 'ustar') {
      throw new BadFile(
        'it is a tar archive, as PyTorch wrote before 0.1.10. Load and save it again with a later PyTorch.',
      );
    }
    // A safetensors header of 640 bytes begins like a pickle, but its JSON follows at the ninth byte.
    if (isPickle && start[8] !== '{'.charCodeAt(0)) {
      throw new BadFile(
        'it is a pickle, but not a checkpoint that torch.save wrote. Save the weights with ' +
          'torch.save(model.state_dict(), path) or as safetensors.',
      );
    }
    return 'safetensors';
  });
}

/**
 * Reads a weights file: safetensors, a PyTorch checkpoint (zip or legacy; its state dict, wherever it stands in it),
 * or one NumPy array, which is named after its file. Every tensor becomes f32; prefixes of wrappers (`module.`,
 * `_orig_mod.`) that all names share are left out. Nothing in the file is executed, and memory stays within three
 * times the file and a fixed slack. Throws a UserError that says what is wrong.
 */
export function readWeights(path: string): TensorFile {
  return withoutWrappers(readers[weightsFormat(path)](path));
}

/**
 * The same for a reader who may not need the numbers: where the format allows it they are read when a tensor's `data`
 * is first asked for, and what is wrong with them is said then.
 */
export function openWeights(path: string): TensorFile {
  const format = weightsFormat(path);
  if (format === 'safetensors') return withoutWrappers(openSafetensors(path));
  if (format === 'pytorch-zip') return withoutWrappers(openPytorchZip(path));
  return withoutWrappers(readers[format](path));
}

const readers: Readonly<Record<WeightsFormat, (path: string) => TensorFile>> = {
  safetensors: readSafetensors,
  'pytorch-zip': readPytorchZip,
  'pytorch-legacy': readPytorchLegacy,
  npy: (path) => {
    const { type, ...tensor } = readNpyTyped(path);
    const name = basename(path, extname(path));
    return { tensors: new Map([[name, tensor]]), metadata: {}, storedTypes: new Map([[name, type]]) };
  },
};
