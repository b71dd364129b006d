// What carries the sums of a training step between ranks. Messages are under way while the backward pass goes on;
// MPI moves data only when it is called, so `progress` is called between the engine's steps.
//
// On the wire numbers are f32, or bf16 for half the bytes. MPI knows no bf16, so that sum is made of two exchanges:
// every rank gets its part of the message from all others, adds them in f32 in the order of the ranks, and hands the
// rounded sum to all. All ranks so have the same bits. The second exchange of a message starts when its first one has
// ended, but after that of the message before it: all ranks have to start them in the same order.
import type { Exchange } from '../graph/ops/exchange.ts';
import type { NumericArray } from '../graph/tensor.ts';
import type { Group } from './group.ts';
import type { Numbers, Transfer } from './mpi/mpi.ts';
import { packBf16, unpackBf16 } from './wire-format.ts';

export type Wire = 'f32' | 'bf16';

/** Of the messages since the last reset; small sums (batch norm's) are not counted among the messages. */
export interface Traffic {
  readonly messages: number;
  /** Bytes of the messages, swaps among them, as this rank hands them to MPI. */
  readonly bytes: number;
  /** Milliseconds from sending a message off to having its sum, added up. */
  readonly underWayMs: number;
  /** Milliseconds of them in which the rank did nothing but wait. */
  readonly waitedMs: number;
  /** Milliseconds waited for a later rank, where rolls are called; not among those of the messages. */
  readonly lateMs: number;
  /** Milliseconds waited for small sums. */
  readonly smallMs: number;
}

export interface RankExchange extends Exchange {
  /** Gives messages that are under way a turn. */
  progress(): void;
  traffic(): Traffic;
  resetTraffic(): void;
  /**
   * Whether ranks call a roll before they wait for the first message of a step: what is waited for a rank that is late
   * then counts by itself, and the rest is the wire's.
   */
  callRolls(on: boolean): void;
}

export function createExchange(group: Group, wire: Wire = 'f32'): RankExchange {
  const underWay = new Map<string, { transfer: Transfer; began: number }>();
  let lastHalf: HalvedTransfer | undefined;
  let traffic: Traffic = noTraffic;
  let rolls = false;
  let rollIsDue = false;
  return {
    size: group.size,
    start(channel, numbers) {
      if (group.size === 1) return;
      rollIsDue = rolls;
      const began = performance.now();
      if (wire === 'bf16') lastHalf = startBf16Sum(group, numbers as Float32Array, lastHalf);
      const transfer = wire === 'bf16' && lastHalf ? lastHalf : startSum(group, numbers);
      underWay.set(channel, { transfer, began });
      const bytes = numbers.length * (wire === 'bf16' ? 2 : numbers.BYTES_PER_ELEMENT);
      traffic = { ...traffic, messages: traffic.messages + 1, bytes: traffic.bytes + bytes };
    },
    finish(channel) {
      if (group.size === 1) return;
      const message = underWay.get(channel);
      if (message === undefined) throw new Error(`No message ${channel} is under way.`);
      underWay.delete(channel);
      if (rollIsDue) {
        const lateMs = group.wait(group.startSum(Float32Array.of(1)), 'a rank that is later');
        traffic = { ...traffic, lateMs: traffic.lateMs + lateMs };
        rollIsDue = false;
      }
      const waitedMs = group.wait(message.transfer, 'the sum of the gradients');
      traffic = {
        ...traffic,
        underWayMs: traffic.underWayMs + performance.now() - message.began,
        waitedMs: traffic.waitedMs + waitedMs,
      };
    },
    sum(numbers) {
      if (group.size === 1) return;
      const smallMs = group.wait(group.startSum(numbers), 'a sum over the batch');
      traffic = { ...traffic, smallMs: traffic.smallMs + smallMs };
    },
    swap(own, theirs) {
      if (group.size !== 2) throw new Error(`Two ranks swap, and there are ${group.size}.`);
      const { bytes, waitedMs } = swapWithPeer(group, wire, own as Numbers, theirs as Numbers);
      traffic = {
        ...traffic,
        messages: traffic.messages + 1,
        bytes: traffic.bytes + bytes,
        underWayMs: traffic.underWayMs + waitedMs,
        waitedMs: traffic.waitedMs + waitedMs,
      };
    },
    progress() {
      for (const { transfer } of underWay.values()) transfer.done();
    },
    traffic: () => traffic,
    resetTraffic() {
      traffic = noTraffic;
    },
    callRolls(on) {
      rolls = on;
    },
  };
}

const noTraffic: Traffic = { messages: 0, bytes: 0, underWayMs: 0, waitedMs: 0, lateMs: 0, smallMs: 0 };

function startSum(group: Group, numbers: NumericArray): Transfer {
  return group.startSum(numbers as Numbers);
}

const swapTag = 0x5a9;

/** Bytes that were sent, and milliseconds until both parts were there. */
function swapWithPeer(
  group: Group,
  wire: Wire,
  own: Numbers,
  theirs: Numbers,
): { bytes: number; waitedMs: number } {
  const short = wire === 'bf16' && own instanceof Float32Array && theirs instanceof Float32Array;
  const sent = short ? new Uint16Array(new ArrayBuffer(2 * own.length)) : own;
  const got = short ? new Uint16Array(new ArrayBuffer(2 * theirs.length)) : theirs;
  if (short) packBf16(own, sent as Uint16Array);
  const peer = 1 - group.rank;
  const arrival = group.startReceive(got, peer, swapTag);
  const departure = group.startSend(sent, peer, swapTag);
  const waitedMs =
    group.wait(arrival, "the other tower's part") +
    group.wait(departure, 'handing a part to the other tower');
  if (short) unpackBf16(got as Uint16Array, theirs);
  return { bytes: sent.byteLength, waitedMs };
}

/** A sum in two exchanges. */
interface HalvedTransfer extends Transfer {
  /** Whether the second one has started; starts it if the first has ended. */
  gathers(): boolean;
}

/**
 * The sum in two exchanges; goes from one to the other whenever it is looked at, but not before the sum `before` it has.
 */
function startBf16Sum(
  group: Group,
  numbers: Float32Array,
  before: HalvedTransfer | undefined,
): HalvedTransfer {
  const { size } = group;
  const part = Math.ceil(numbers.length / size);
  const packed = new Uint16Array(part * size);
  packBf16(numbers, packed);
  const parts = new Uint16Array(part * size);
  let transfer = group.startAllToAll(packed, parts);
  let previous = before;
  let phase: 'scattering' | 'gathering' | 'over' = 'scattering';
  const gathers = (): boolean => {
    if (phase !== 'scattering') return true;
    if (previous !== undefined && !previous.gathers()) return false;
    // What has had its turn is let go.
    previous = undefined;
    if (!transfer.done()) return false;
    phase = 'gathering';
    transfer = group.startAllGather(addParts(parts, part, size), packed);
    return true;
  };
  return {
    gathers,
    done() {
      if (phase === 'over') return true;
      if (!gathers() || !transfer.done()) return false;
      unpackBf16(packed, numbers);
      phase = 'over';
      return true;
    },
  };
}

/** The sum of `size` vectors that stand one after another, added in f32. */
function addParts(parts: Uint16Array, length: number, size: number): Uint16Array {
  const sum = new Float32Array(length);
  const one = new Float32Array(length);
  for (let rank = 0; rank < size; rank++) {
    unpackBf16(parts.subarray(rank * length, (rank + 1) * length), one);
    for (let i = 0; i < length; i++) sum[i] = (sum[i] as number) + (one[i] as number);
  }
  const packed = new Uint16Array(length);
  packBf16(sum, packed);
  return packed;
}
