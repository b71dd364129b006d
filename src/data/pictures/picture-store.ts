// Reading the pictures of an index, one at a time, as they are stored: encoded, or as pixels from a raw pack. Each
// thread opens the store for itself; archives and packs stay open until `close`.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { reason } from '../../files.ts';
import { openPackStore } from './pack/store.ts';
import { type FileStore, nameAt, type PictureStore, type TarStore } from './picture-index.ts';
import { readAt } from './sources/read-at.ts';

export type StoredPicture =
  | { readonly kind: 'encoded'; readonly bytes: Uint8Array }
  /** height x width x 3 bytes, RGB, upright. */
  | { readonly kind: 'pixels'; readonly data: Uint8Array; readonly height: number; readonly width: number };

export interface OpenStore {
  /**
   * The bytes of picture `i`; they must not be written to, and are valid until `close`. Throws a UserError that names
   * the picture when it cannot be read; what the bytes hold is not looked at.
   */
  read(i: number): StoredPicture;
  close(): void;
}

/** Opens a store for this thread. Throws a UserError when its archive or pack is gone or has changed. */
export function openStore(store: PictureStore): OpenStore {
  if (store.kind === 'files') return openFiles(store);
  return store.kind === 'tar' ? openTars(store) : openPackStore(store);
}

function openFiles(store: FileStore): OpenStore {
  return {
    read(i) {
      const path = join(store.root, nameAt(store, i));
      try {
        return { kind: 'encoded', bytes: readWhole(path) };
      } catch (error) {
        throw new UserError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
      }
    },
    close() {},
  };
}

/** As `readFileSync`, but without its extra calls: one picture is opened a thousand times a second. */
function readWhole(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, readAt(file, bytes, 0));
  } finally {
    closeSync(file);
  }
}

function openTars(store: TarStore): OpenStore {
  // Shards may be many thousands, so they are opened when first met.
  const handles = new Map<number, number>();
  const handleOf = (number: number): number => {
    let handle = handles.get(number);
    if (handle === undefined) {
      if (handles.size >= mostOpen) {
        for (const open of handles.values()) closeSync(open);
        handles.clear();
      }
      handle = openSync(store.files[number] as string, 'r');
      handles.set(number, handle);
    }
    return handle;
  };
  return {
    read(i) {
      const number = store.file[i] as number;
      const start = store.starts[i] as number;
      const bytes = new Uint8Array(store.sizes[i] as number);
      const where = (): string => `${store.files[number]}: picture ${nameAt(store, i)} at byte ${start}`;
      let got: number;
      try {
        got = readAt(handleOf(number), bytes, start);
      } catch (error) {
        throw new UserError(`Cannot read ${where()}: ${reason(error)}`, { cause: error });
      }
      if (got < bytes.length) {
        throw new UserError(`${where()}: the archive ends inside it. It was truncated since it was indexed.`);
      }
      return { kind: 'encoded', bytes };
    },
    close() {
      for (const handle of handles.values()) closeSync(handle);
      handles.clear();
    },
  };
}

const mostOpen = 256;
