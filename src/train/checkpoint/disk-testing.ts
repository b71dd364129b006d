// A model of what a power cut leaves of a disk, for tests: calls that change files are followed, and what POSIX promises
// of them is kept apart from what it does not. The bytes of a file are safe from its own fsync on; a name that was made,
// changed or taken away is safe from the fsync of its folder on. Of the rest anything may have reached the disk: any of
// the names, in any order, and of the bytes nothing, a part, or all.

/** A file's bytes, however many names it has. */
interface Inode {
  bytes: Buffer;
  safe: Buffer | undefined;
}

type Entry = Inode | 'folder';
type Entries = Map<string, Entry>;

/** A change of names that waits for the fsync of its folder. */
interface Pending {
  readonly folder: string;
  apply(entries: Entries): void;
}

/** What a disk may hold after the cut: paths below the root with their bytes. */
export type Survivors = ReadonlyMap<string, Buffer>;

/** The calls of node:fs that a writer of files makes. */
export interface Calls {
  open(path: string, handle: number, flags: string): void;
  /** At the end of the file. */
  write(handle: number, bytes: Uint8Array): void;
  truncate(handle: number, length: number): void;
  close(handle: number): void;
  fsync(handle: number): void;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  copy(from: string, to: string): void;
  remove(path: string): void;
  makeFolder(path: string): void;
}

export interface VolatileDisk {
  readonly calls: Calls;
  /** Every disk that a cut at this moment may leave. */
  survivors(): Iterable<Survivors>;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** A disk on which `files` are safe, and the folders `folders`. Paths are absolute. */
export function createVolatileDisk(
  files: ReadonlyMap<string, Buffer>,
  folders: readonly string[],
): VolatileDisk {
  const safe: Entries = new Map<string, Entry>([
    ...folders.map((path) => [path, 'folder'] as const),
    ...[...files].map(([path, bytes]) => [path, { bytes, safe: bytes }] as const),
  ]);
  const live: Entries = new Map(safe);
  /** Open files, and folders by their paths. */
  const handles = new Map<number, Inode | string>();
  let pending: Pending[] = [];

  const change = (path: string, apply: (entries: Entries) => void): void => {
    apply(live);
    pending.push({ folder: parentOf(path), apply });
  };
  const fileAt = (path: string): Inode => {
    const entry = live.get(path);
    if (entry === undefined || entry === 'folder') throw new Error(`the model knows no file ${path}`);
    return entry;
  };
  const create = (path: string, bytes: Buffer): void => {
    const inode: Inode = { bytes, safe: undefined };
    change(path, (entries) => entries.set(path, inode));
  };

  const calls: Calls = {
    open(path, handle, flags) {
      if (flags.startsWith('w')) create(path, Buffer.alloc(0));
      const entry = live.get(path);
      handles.set(handle, entry === undefined || entry === 'folder' ? path : entry);
    },
    write(handle, bytes) {
      const inode = handles.get(handle) as Inode;
      inode.bytes = Buffer.concat([inode.bytes, bytes]);
    },
    truncate(handle, length) {
      const inode = handles.get(handle) as Inode;
      inode.bytes = inode.bytes.subarray(0, length);
    },
    close(handle) {
      handles.delete(handle);
    },
    fsync(handle) {
      const what = handles.get(handle) as Inode | string;
      if (typeof what !== 'string') {
        what.safe = what.bytes;
        return;
      }
      for (const { folder, apply } of pending) if (folder === what) apply(safe);
      pending = pending.filter(({ folder }) => folder !== what);
    },
    rename(from, to) {
      const entry = live.get(from) as Entry;
      change(to, (entries) => entries.set(to, entry).delete(from));
    },
    link(from, to) {
      const entry = fileAt(from);
      change(to, (entries) => entries.set(to, entry));
    },
    copy: (from, to) => create(to, fileAt(from).bytes),
    remove(path) {
      if (live.has(path)) change(path, (entries) => entries.delete(path));
    },
    makeFolder: (path) => change(path, (entries) => entries.set(path, 'folder')),
  };

  function* survivors(): Generator<Survivors, void, undefined> {
    for (const chosen of choicesOf(pending)) {
      const entries: Entries = new Map(safe);
      for (const { apply } of chosen) apply(entries);
      const there = reachable(entries);
      const unsafe = there.some(([, { safe: bytes }]) => bytes === undefined);
      for (const share of unsafe ? [0, 0.5, 1] : [1]) {
        yield new Map(
          there.map(([path, { bytes, safe: kept }]) => [
            path,
            kept ?? bytes.subarray(0, Math.floor(share * bytes.length)),
          ]),
        );
      }
    }
  }

  return { calls, survivors };
}

/** What of the changes may have reached the disk: any selection, or of many those that differ most. */
function choicesOf(pending: readonly Pending[]): Pending[][] {
  const places = pending.map((_, place) => place);
  const select = (wanted: (place: number) => boolean) => pending.filter((_, place) => wanted(place));
  if (pending.length <= 6) {
    return Array.from({ length: 2 ** pending.length }, (_, bits) =>
      select((place) => ((bits >> place) & 1) === 1),
    );
  }
  return [
    select(() => false),
    ...places.map((last) => select((place) => place <= last)),
    ...places.map((only) => select((place) => place === only)),
    ...places.map((lost) => select((place) => place !== lost)),
  ];
}

/** The files whose folders are there too. */
function reachable(entries: Entries): [string, Inode][] {
  const isThere = (path: string): boolean => {
    const folder = parentOf(path);
    return entries.get(folder) === 'folder' && (!entries.has(parentOf(folder)) || isThere(folder));
  };
  const files = [...entries].filter((each): each is [string, Inode] => each[1] !== 'folder');
  return files.filter(([path]) => isThere(path));
}
