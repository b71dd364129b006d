// PyTorch's checkpoint format before 1.6 (and `_use_new_zipfile_serialization=False` since): five pickles one after
// the other (a magic number, the version, what the machine was like, the object, the keys of the storages), then each
// storage: its length in elements, and its bytes.
// Source: pytorch, torch/serialization.py (_legacy_save, _legacy_load).
import { readerOfFile } from './byte-reader.ts';
import { readPickle } from './pickle.ts';
import { kindName, ofKind, type PickleValue, quoted } from './pickle-values.ts';
import { storageIds, tensorGlobals } from './pytorch-globals.ts';
import { tensorReader } from './pytorch-tensors.ts';
import { stateDictFile } from './state-dict.ts';
import { readExactly, storedBytes } from './storage.ts';
import type { TensorFile } from './tensor-file.ts';
import { BadFile, memoryBudget, readFileAs } from './weights-file.ts';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const version = 1001;

/** Reads the state dict of a legacy checkpoint; every tensor becomes f32. Throws a UserError. */
export function readPytorchLegacy(path: string): TensorFile {
  return readFileAs(path, 'a PyTorch checkpoint (legacy format)', (file, size) => {
    const budget = memoryBudget(size);
    const reader = readerOfFile(file, size);
    const { persistent, storages } = storageIds();
    const surroundings = { global: tensorGlobals(budget), persistent, budget };
    const next = (): PickleValue => readPickle(reader, surroundings);

    if (next() !== magicNumber) throw new BadFile('it is a pickle, but not one that torch.save wrote.');
    const got = next();
    if (got !== version) {
      throw new BadFile(
        `it has version ${typeof got === 'number' ? got : kindName(got)}, expected ${version}.`,
      );
    }
    const littleEndian = ofKind(next(), 'dict')?.entries.get('little_endian');
    if (littleEndian !== true) throw new BadFile('it is big endian. Save it on a little-endian machine.');
    const root = next();
    const keys = ofKind(next(), 'list')?.items;
    if (keys === undefined) throw new BadFile('the list of its storages is missing. Fetch or save it again.');

    const places = new Map<string, number>();
    let at = reader.position();
    const length = Buffer.alloc(8);
    for (const key of keys) {
      const storage = typeof key === 'string' ? storages.get(key) : undefined;
      if (storage === undefined || places.has(storage.key)) {
        throw new BadFile('its list of storages does not fit its tensors. Fetch or save it again.');
      }
      const end = at + 8 + storage.bytes;
      if (!(end <= size)) {
        throw new BadFile(
          `it is truncated: its storage ${quoted(storage.key)} ends at byte ${end}, the file at ${size}. ` +
            'Fetch or save it again.',
        );
      }
      readExactly(file, length, at);
      const elements = Number(length.readBigInt64LE());
      if (elements * storedBytes[storage.type] !== storage.bytes) {
        throw new BadFile(
          `its storage ${quoted(storage.key)} has ${elements} elements, ` +
            `expected ${storage.bytes / storedBytes[storage.type]}. Fetch or save it again.`,
        );
      }
      places.set(storage.key, at + 8);
      at = end;
    }
    const open = (key: string) => {
      const place = places.get(key);
      if (place === undefined)
        throw new BadFile(`its storage ${quoted(key)} is missing. Fetch or save it again.`);
      return (bytes: Uint8Array, position: number): void => readExactly(file, bytes, place + position);
    };
    return stateDictFile(root, tensorReader(open, budget));
  });
}
