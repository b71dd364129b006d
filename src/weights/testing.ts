// What the tests of the readers share: archives and pickles put together by hand, and seeded damage to a file.
import { crc32, deflateRawSync } from 'node:zlib';
import { randomStream } from '../data/random.ts';

export interface EntryChoices {
  readonly deflated?: boolean;
  /** What the directory claims, where it is not the truth. */
  readonly size?: number;
  readonly packedSize?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Where the directory says that the entry stands. */
  readonly at?: number;
  /** Sizes and place in the 64-bit extra field. */
  readonly wide?: boolean;
}

/** A zip archive of these entries; `wide` gives it a 64-bit end record. */
export function zipArchive(
  entries: readonly (readonly [name: string, bytes: Uint8Array, choices?: EntryChoices])[],
  { wide = false, comment = '' } = {},
): Buffer {
  const chunks: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes, choices = {}] of entries) {
    const packed = choices.deflated ? deflateRawSync(bytes) : Buffer.from(bytes);
    const path = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(path.length, 26);
    const numbers = [
      choices.size ?? bytes.length,
      choices.packedSize ?? packed.length,
      choices.at ?? at,
    ] as const;
    const extra = Buffer.alloc(choices.wide ? 28 : 0);
    if (choices.wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      numbers.forEach((number, i) => {
        extra.writeBigUInt64LE(BigInt(number), 4 + 8 * i);
      });
    }
    const inDirectory = choices.wide ? ([0xffffffff, 0xffffffff, 0xffffffff] as const) : numbers;
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(choices.flags ?? 0, 8);
    central.writeUInt16LE(choices.method ?? (choices.deflated ? 8 : 0), 10);
    central.writeUInt32LE(choices.crc ?? crc32(bytes), 16);
    central.writeUInt32LE(inDirectory[1], 20);
    central.writeUInt32LE(inDirectory[0], 24);
    central.writeUInt16LE(path.length, 28);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(inDirectory[2], 42);
    directory.push(central, path, extra);
    chunks.push(local, path, packed);
    at += local.length + path.length + packed.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(wide ? 0xffff : entries.length, 10);
  end.writeUInt32LE(wide ? 0xffffffff : listed.length, 12);
  end.writeUInt32LE(wide ? 0xffffffff : at, 16);
  end.writeUInt16LE(comment.length, 20);
  const tail = [end, Buffer.from(comment, 'latin1')];
  if (!wide) return Buffer.concat([...chunks, listed, ...tail]);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50);
  record.writeBigUInt64LE(BigInt(entries.length), 32);
  record.writeBigUInt64LE(BigInt(listed.length), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50);
  locator.writeBigUInt64LE(BigInt(at + listed.length), 8);
  return Buffer.concat([...chunks, listed, record, locator, ...tail]);
}

/** A checkpoint in zip format around a pickle, with the storages' bytes by key. */
export function zipCheckpoint(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
): Buffer {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes] as const);
  return zipArchive([['archive/data.pkl', pickle], ...data]);
}

/** The parts of a pickle: text is taken as Latin-1 opcodes, numbers as bytes. */
export function pickleOf(...parts: readonly (string | number | Uint8Array)[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'string'
        ? Buffer.from(part, 'latin1')
        : typeof part === 'number'
          ? Buffer.of(part)
          : part,
    ),
  );
}

/** A whole number in little-endian bytes (two's complement). */
export function littleEndian(value: number | bigint, bytes: 1 | 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return buffer.subarray(0, bytes);
}

/** Numbers that lengths, counts and offsets like to break at. */
const interesting = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** A damaged copy of `original`: one to four random changes, the same for the same seed. */
export function damaged(original: Uint8Array, seed: number): Buffer {
  const random = randomStream(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  let bytes = Buffer.from(original);
  for (let change = below(4); change >= 0; change--) {
    if (bytes.length === 0) return bytes;
    const at = below(bytes.length);
    switch (below(7)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3: {
        const width = [1, 2, 4, 8][below(4)] as 1 | 2 | 4 | 8;
        littleEndian(interesting[below(interesting.length)] as bigint, width).copy(bytes, at);
        break;
      }
      case 4:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          bytes.subarray(Math.min(bytes.length, at + 1 + below(16))),
        ]);
        break;
      case 5: {
        const from = below(bytes.length);
        const part = bytes.subarray(from, from + 1 + below(32));
        bytes = Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
        break;
      }
      default: {
        const from = below(bytes.length);
        Buffer.from(bytes.subarray(from, from + 1 + below(16))).copy(bytes, at);
      }
    }
  }
  return bytes;
}
