// PyTorch's checkpoint format since 1.6: a zip archive with a folder of any name that holds `data.pkl` (the object,
// tensors as references), `data/KEY` (the bytes of each storage) and, since 2.1, `byteorder`.
// Source: pytorch, torch/serialization.py (_save, _load).
import { UserError } from '../errors.ts';
import { readerOfBytes } from './byte-reader.ts';
import { readPickle } from './pickle.ts';
import { quoted } from './pickle-values.ts';
import { storageIds, tensorGlobals } from './pytorch-globals.ts';
import { tensorReader } from './pytorch-tensors.ts';
import { stateDictFile } from './state-dict.ts';
import type { ReadBytes } from './storage.ts';
import { elementCount, lazyTensor, type Tensor, type TensorFile } from './tensor-file.ts';
import { BadFile, memoryBudget, readFileAs } from './weights-file.ts';
import { readZip, type Zip, type ZipEntry } from './zip.ts';

/** Reads the state dict of a zip checkpoint; every tensor becomes f32. Throws a UserError. */
export function readPytorchZip(path: string): TensorFile {
  return readCheckpoint(path, tensorReader);
}

/** The same, but the storages are read, all of them, when the numbers of a tensor are first asked for. */
export function openPytorchZip(path: string): TensorFile {
  let whole: TensorFile | undefined;
  const opened = readCheckpoint(path, () => ({ shape }) => ({ shape, data: new Float32Array(0) }));
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape }] of opened.tensors) {
    const make = (): Float32Array => {
      whole ??= readPytorchZip(path);
      const data = whole.tensors.get(name)?.data;
      if (data?.length === elementCount(shape)) return data;
      throw new UserError(`${path} changed while it was being read. Run the command again.`);
    };
    tensors.set(name, lazyTensor(shape, make));
  }
  return { ...opened, tensors };
}

function readCheckpoint(path: string, reader: typeof tensorReader): TensorFile {
  return readFileAs(path, 'a PyTorch checkpoint', (file, size) => {
    const budget = memoryBudget(size);
    const zip = readZip(file, size, budget);
    const folder = checkpointFolder(zip);
    const pickle = zip.entries.get(`${folder}data.pkl`) as ZipEntry;
    if (zip.entries.has(`${folder}constants.pkl`)) {
      throw new BadFile(
        'it is a TorchScript archive, a program with its weights. Save the weights alone: ' +
          'torch.save(model.state_dict(), path).',
      );
    }
    checkByteOrder(zip, folder);
    budget.spend(pickle.size, 'its pickle');
    const bytes = new Uint8Array(pickle.size);
    zip.open(pickle)(bytes, 0);
    const { persistent, storages } = storageIds();
    const root = readPickle(readerOfBytes(bytes), { global: tensorGlobals(budget), persistent, budget });

    const opened = new Map<string, ReadBytes>();
    const open = (key: string): ReadBytes => {
      const known = opened.get(key);
      if (known !== undefined) return known;
      const entry = zip.entries.get(`${folder}data/${key}`);
      const wanted = storages.get(key)?.bytes;
      if (entry === undefined || entry.size !== wanted) {
        throw new BadFile(
          `its storage ${quoted(key)} has ${entry === undefined ? 'no data' : `${entry.size} bytes`}, ` +
            `expected ${wanted} bytes. Fetch or save it again.`,
        );
      }
      const read = zip.open(entry);
      opened.set(key, read);
      return read;
    };
    return stateDictFile(root, reader(open, budget));
  });
}

/** The archive's one folder, with its slash. */
function checkpointFolder({ entries }: Zip): string {
  const pickles = [...entries.keys()].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickles.length === 1) return (pickles[0] as string).slice(0, -'data.pkl'.length);
  const isNpz = [...entries.keys()].some((name) => name.endsWith('.npy'));
  throw new BadFile(
    isNpz
      ? 'it is a NumPy archive (.npz), not a checkpoint. Save its arrays as safetensors.'
      : 'it is a zip archive without a checkpoint in it (no data.pkl). Check the path.',
  );
}

function checkByteOrder(zip: Zip, folder: string): void {
  const entry = zip.entries.get(`${folder}byteorder`);
  if (entry === undefined || entry.size > 16) return;
  const bytes = Buffer.alloc(entry.size);
  zip.open(entry)(bytes, 0);
  const order = bytes.toString('latin1');
  if (order !== 'little') {
    throw new BadFile(`its byte order is ${quoted(order)}, expected "little". Save it on such a machine.`);
  }
}
