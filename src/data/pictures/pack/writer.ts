// Writing a pack: head, the pictures as they come, the table, the foot, under a name of its own beside the file's; when
// all is on the disk it is renamed. What a killed run left there is removed by the next.
import { readdirSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '../../../errors.ts';
import { growFileAtomic, makeFolder, sizeInWords } from '../../../files.ts';
import type { Split } from '../../dataset.ts';
import { growing, growingNames } from '../sources/growing.ts';
import { alignment, encodeFoot, encodeHead, encodeTable, type PackMeta } from './file.ts';
import type { PackedPicture, PackSettings } from './picture.ts';

/** Throws a UserError when the disk has not the room for `bytes` (an estimate), before anything is written. */
export function checkRoom(
  out: string,
  bytes: number,
  { format, side }: PackSettings,
  pictures: number,
): void {
  const folder = dirname(resolve(out));
  makeFolder(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  const less = format === 'raw' ? 'choose --format jpeg (about a seventh of it)' : 'choose a lower --quality';
  throw new UserError(
    `${pictures} pictures of short side ${side} need about ${sizeInWords(bytes)} (${format}), but ${folder} has ` +
      `${sizeInWords(free)} free. Free some space, ${less}, a smaller --side, or another disk.`,
  );
}

export interface PackWriter {
  /** Written so far. */
  readonly bytes: number;
  add(picture: PackedPicture, name: string, label: number): void;
  /** The pictures since the last split are of this one. */
  endSplit(split: Split | 'undivided'): void;
  /** Completes the file and gives it its name; its length in bytes. */
  finish(meta: Omit<PackMeta, 'splits'>): number;
  /** Removes what was written, unless it is finished. */
  discard(): void;
}

export function createPackWriter(out: string, onNote?: (message: string) => void): PackWriter {
  const path = resolve(out);
  removeLeftovers(path, onNote);
  const file = growFileAtomic(path);
  let at = 0;
  const write = (bytes: Uint8Array): void => {
    file.write(bytes);
    at += bytes.length;
  };
  const align = (): void => write(new Uint8Array((alignment - (at % alignment)) % alignment));
  write(encodeHead());
  const [labels, starts, sizes] = [growing(Int32Array), growing(Float64Array), growing(Uint32Array)];
  const [heights, widths] = [growing(Uint16Array), growing(Uint16Array)];
  const checksums = growing(Uint32Array);
  const names = growingNames();
  const splits: { split: Split | 'undivided'; length: number }[] = [];
  let counted = 0;
  return {
    get bytes() {
      return at;
    },
    add({ bytes, height, width }, name, label) {
      starts.push(at);
      sizes.push(bytes.length);
      heights.push(height);
      widths.push(width);
      checksums.push(crc32(bytes));
      labels.push(label);
      names.push(name);
      write(bytes);
      align();
    },
    endSplit(split) {
      splits.push({ split, length: labels.length - counted });
      counted = labels.length;
    },
    finish(meta) {
      const table = at;
      const arrays = {
        labels: labels.finish(),
        starts: starts.finish(),
        sizes: sizes.finish(),
        heights: heights.finish(),
        widths: widths.finish(),
        checksums: checksums.finish(),
        ...names.finish(),
      };
      for (const part of encodeTable({ ...meta, splits }, arrays)) write(part);
      align();
      write(encodeFoot(table, at));
      file.finish();
      return at;
    },
    discard: () => file.abandon(),
  };
}

/** Removes half-written files of processes that are no more: they may be as large as a disk. */
function removeLeftovers(path: string, onNote?: (message: string) => void): void {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.`)) continue;
    const pid = /^\.(\d+)\.part$/.exec(name.slice(basename(path).length))?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(folder, name), { force: true });
    onNote?.(`Removed ${join(folder, name)}, which a packing that was cut short had left.`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
