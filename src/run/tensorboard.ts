// Scalars that TensorBoard shows. An event file is a TFRecord stream (u64 length, masked CRC32C of it, the bytes,
// masked CRC32C of them) of protobuf messages `Event`; the few fields we need are encoded by hand.
// TensorBoard reads all files of a folder in the order of their names, so a resumed run adds a file, and its first
// record (a session start) tells TensorBoard to forget the steps that the killed run had reached beyond it.
// Source: tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.cc, lib/hash/crc32c.h.
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder, reason } from '../files.ts';

/** An open event file. Every call is on disk (in the system's cache) when it returns. */
export type EventFile = {
  readonly path: string;
  /** Adds one point. `step` is a whole number >= 0, `wallTime` in seconds since 1970 (default: the clock). */
  scalar(tag: string, value: number, step: number, wallTime?: number): void;
  close(): void;
};

/** Of a process that leaves the writing to another one. */
export function noEvents(path: string): EventFile {
  return { path, scalar() {}, close() {} };
}

/**
 * Starts an event file in `folder` (made when absent); files already there stay. With `resumeStep` TensorBoard
 * drops what older files say of that step and later ones. Throws a UserError when the folder cannot be written.
 */
export function openEventFile(folder: string, options: { resumeStep?: number } = {}): EventFile {
  // The clock may be set while a training runs; within one file time goes forwards all the same.
  const opened = Date.now();
  const since = performance.now();
  const clock = (): number => Math.floor(opened + performance.now() - since) / 1000;
  const now = clock();
  const { path, file } = createEventFile(folder, Math.floor(now));
  const write = (event: Uint8Array): void => {
    try {
      const record = frame(event);
      for (let done = 0; done < record.length; ) done += writeSync(file, record, done);
    } catch (error) {
      throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
    }
  };
  write(concat(doubleField(1, now), bytesField(3, utf8('brain.Event:2'))));
  if (options.resumeStep !== undefined) {
    const sessionStart = varintField(1, 1);
    write(concat(doubleField(1, now), varintField(2, options.resumeStep), bytesField(7, sessionStart)));
  }
  return {
    path,
    scalar(tag, value, step, wallTime = clock()) {
      const summary = bytesField(1, concat(bytesField(1, utf8(tag)), floatField(2, value)));
      write(concat(doubleField(1, wallTime), varintField(2, step), bytesField(5, summary)));
    },
    close: () => closeSync(file),
  };
}

const eventName = /^events\.out\.tfevents\.(\d{10})\.(\d{4})\./;

/**
 * A name that sorts after the older ones: also when two files are started in the same second, when the clock was set
 * back in between, or when the run goes on under another host name.
 */
function createEventFile(folder: string, now: number): { path: string; file: number } {
  for (;;) {
    let [seconds, count] = [now, 0];
    try {
      makeFolder(folder);
      for (const name of readdirSync(folder)) {
        const [, s, c] = eventName.exec(name) ?? [];
        if (Number(s) > seconds) [seconds, count] = [Number(s), Number(c) + 1];
        else if (Number(s) === seconds) count = Math.max(count, Number(c) + 1);
      }
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(`Cannot read ${folder}: ${reason(error)}`, { cause: error });
    }
    if (count > 9999) [seconds, count] = [seconds + 1, 0];
    const serial = String(count).padStart(4, '0');
    const path = join(folder, `events.out.tfevents.${seconds}.${serial}.${hostname()}`);
    try {
      return { path, file: openSync(path, 'wx') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
    }
  }
}

/** One TFRecord. */
function frame(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(12 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}

/** CRCs of data that hold CRCs are weak, so TFRecord rotates them by 15 bits and adds a constant. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as iSCSI and TFRecord use it. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crcTable[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Protobuf's wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`step ${value}, expected a whole number >= 0`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function varintField(field: number, value: number): Uint8Array {
  return concat(varint(field * 8), varint(value));
}

function bytesField(field: number, value: Uint8Array): Uint8Array {
  return concat(varint(field * 8 + 2), varint(value.length), value);
}

function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return concat(varint(field * 8 + 1), bytes);
}

function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return concat(varint(field * 8 + 5), bytes);
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
