// A few steps by themselves, on memory of their own, to time them: what they read is there in the layouts in which its
// makers leave it, and what they write is thrown away. The prologue, which a program runs once, is not timed.
import { bindNative } from '../binding.ts';
import { channelSumsCode } from '../code/channel-sums.ts';
import { vectorBytes } from '../code/cut.ts';
import type { Library } from '../library.ts';
import type { Lowered, Step, Storage } from '../lowering.ts';
import { allocateRegion, type OwnRegion, type Region } from '../memory.ts';
import type { Natives, NativeWork } from '../natives.ts';

export interface Trial {
  /** Bytes of the weights, as the steps read them. */
  readonly weightBytes: number;
  /** Milliseconds of all steps once; `cold`: with what they read in the caches, but for the weights. */
  run(cold?: boolean): number;
}

const alignment = 128;
/** In f32 (0.50098) as in bf16 (0.50098 twice) an ordinary number: zeros and denormals take another time. */
const ordinary = new Float32Array(Uint32Array.of(0x3f003f00).buffer)[0] as number;

/** Memory that trials take turns in. */
export interface Room {
  /** At least so many bytes; what was there before is void. */
  of(bytes: number): Region;
  free(): void;
}

export function createRoom(library: Library): Room {
  let size = 0;
  let region: OwnRegion | undefined;
  const free = (): void => {
    region?.free();
    region = undefined;
  };
  return {
    of(bytes) {
      if (region === undefined || size < bytes) {
        free();
        region = allocateRegion(library, bytes);
        size = bytes;
      }
      return region;
    },
    free,
  };
}

/** Bytes of all tensors of a trial. */
export function bytesOf(lowered: Lowered): number {
  return [...storagesOf(lowered)].reduce((sum, { bytes }) => sum + aligned(bytes), 0);
}

/** Readies steps without host parts for timing, in `room`; `natives` made them. Cold runs drive out what is cached by `coldRoom`. */
export function prepareTrial(natives: Natives, lowered: Lowered, room: Room, coldRoom: Room): Trial {
  const region = room.of(bytesOf(lowered));
  let offset = 0;
  for (const storage of storagesOf(lowered)) {
    storage.offset = offset;
    offset += aligned(storage.bytes);
  }
  for (const { storage } of [...lowered.inputs.values(), ...lowered.states.values()])
    region.floats(storage.offset, storage.bytes >> 2).fill(ordinary);
  for (const { tensor, data } of lowered.constants)
    region.floats(tensor.storage.offset, data.length).set(data);
  const bind = (step: Step): NativeWork => {
    if (step.kind === 'host') throw new Error(`A trial of ${step.op} has a part on the host.`);
    return bindNative(
      natives,
      step,
      ({ storage, byteOffset = 0 }) => region.address + BigInt(storage.offset + byteOffset),
    );
  };
  natives.series(lowered.prologue.map(bind))();
  const steps = natives.series(lowered.steps.map(bind));
  const weights = new Set(
    lowered.steps
      .flatMap(({ reads }) => reads)
      .map(({ storage }) => storage)
      .filter(({ place }) => place === 'kept'),
  );
  const inputs = [...lowered.inputs.values()].map(({ storage }) => storage);
  return {
    weightBytes: [...weights].reduce((sum, { bytes }) => sum + bytes, 0),
    run(cold = false) {
      if (cold) {
        const cold = coldRoom.of(largeBytes + shares * vectorBytes);
        const sums = cold.address + BigInt(largeBytes);
        touch(natives, cold, { offset: 0, bytes: largeBytes }, sums);
        for (const input of inputs) touch(natives, region, input, sums);
      }
      const before = performance.now();
      steps();
      // The region is needed until here.
      return performance.now() - before + 0 * region.floats(0, 1).length;
    },
  };
}

/** More than the caches hold. */
const largeBytes = 2 ** 26;
/** What code that sums memory up shares among threads. */
const shares = 16;

/** Where what JavaScript has read goes, so that reading it is not left out. */
const sink = new Float32Array(1);

/**
 * Reads all lines, but for a few behind even shares: where code can, on all threads, which then share what is cached, stay
 * awake, and run at the clock of vector instructions, as within a network.
 * `sums`: a line for each share.
 */
function touch(
  natives: Natives,
  { address, floats }: Region,
  { offset, bytes }: Pick<Storage, 'offset' | 'bytes'>,
  sums: bigint,
): void {
  const lines = Math.floor(bytes / vectorBytes / shares);
  const target = { picture: 0, row: 0, pixel: vectorBytes, group: lines * vectorBytes };
  const sizes = { pictures: 1, blocks: shares, oh: 1, ow: lines, target, pairs: false };
  const code = natives.code(`touch ${lines}`, (team) => channelSumsCode(sizes, team));
  if (code !== undefined) {
    natives.runCode(code, BigUint64Array.of(address + BigInt(offset), sums));
    return;
  }
  const numbers = floats(offset, bytes >> 2);
  let sum = 0;
  for (let i = 0; i < numbers.length; i += 16) sum += numbers[i] as number;
  sink[0] = sum;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function storagesOf({ steps, prologue, inputs, states, constants }: Lowered): Set<Storage> {
  const tensors = [
    ...inputs.values(),
    ...states.values(),
    ...constants.map(({ tensor }) => tensor),
    ...[...prologue, ...steps].flatMap(({ reads, writes }) => [...reads, ...writes]),
  ];
  return new Set(tensors.map(({ storage }) => storage));
}
