// Python's pickle, protocols 0 to 5, read without running anything. A pickle is a program for a small stack machine,
// and Python's own reader lets it call any function that is installed; this machine looks every name up in a table
// that the caller gives, and refuses the others by name. It never recurses, whatever the nesting; each value and each
// byte that it keeps counts against a memory budget.
// Source: CPython, Lib/pickletools.py (the opcodes) and PEP 307, 3154, 574.
import type { ByteReader } from './byte-reader.ts';
import { containerCost, createMachine, type Machine, type PickleSurroundings } from './pickle-machine.ts';
import { kindName, ofKind, type PickleValue, quoted } from './pickle-values.ts';
import { BadFile } from './weights-file.ts';

const maxLine = 4096;
const maxLongBytes = 64;

/** Reads one pickle, up to its STOP, and gives what it leaves. Throws a BadFile that says what is wrong and where. */
export function readPickle(reader: ByteReader, surroundings: PickleSurroundings): PickleValue {
  const machine = createMachine(reader, surroundings);
  for (;;) {
    const at = reader.position();
    const code = reader.byte();
    if (code === stop) return machine.pop();
    const operation = operations[code];
    if (operation === undefined) {
      const shown = `0x${code.toString(16).padStart(2, '0')}`;
      throw new BadFile(
        `its pickle has the opcode ${shown} at byte ${at}, which no tensor file needs. It is damaged.`,
      );
    }
    operation(machine);
  }
}

type Operation = (machine: Machine) => void;

const stop = '.'.charCodeAt(0);
const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder('utf-8');

function unsigned(machine: Machine, bytes: 1 | 2 | 4): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value += machine.reader.byte() * 2 ** (8 * i);
  return value;
}

/** A length of 8 bytes; beyond 2^53 it loses digits, and is refused by whoever reads that many bytes. */
function unsigned64(machine: Machine): number {
  const low = unsigned(machine, 4);
  return low + unsigned(machine, 4) * 2 ** 32;
}

function signed32(machine: Machine): number {
  return unsigned(machine, 4) | 0;
}

function text(machine: Machine, length: number, decoder: typeof utf8): void {
  if (length <= machine.reader.remaining()) machine.surroundings.budget.spend(2 * length, 'its pickle');
  machine.push(decoder.decode(machine.reader.bytes(length)), containerCost);
}

function bytes(machine: Machine, length: number): void {
  if (length <= machine.reader.remaining()) machine.surroundings.budget.spend(length, 'its pickle');
  machine.push(machine.reader.bytes(length), containerCost);
}

/** Two's complement, least byte first: a number where it is exact, else a bigint. */
function long(machine: Machine, length: number): void {
  if (length < 0 || length > maxLongBytes) {
    machine.fail(`it has a whole number of ${length} bytes, at most ${maxLongBytes} are expected`);
  }
  const digits = machine.reader.bytes(length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i] as number);
  machine.push(exact(length === 0 ? 0n : BigInt.asIntN(8 * length, value)));
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function asciiLine(machine: Machine): string {
  return latin1.decode(machine.reader.line(maxLine));
}

/** "12", "-3L": the whole numbers of protocol 0. */
function decimal(machine: Machine, digits: string): number | bigint {
  const plain = digits.replace(/L$/, '').trim();
  if (!/^[+-]?\d{1,150}$/.test(plain)) machine.fail(`${quoted(digits)} is no whole number`);
  return exact(BigInt(plain.replace(/^\+/, '')));
}

/** The string literal of protocol 0, 'abc' or "abc" with backslashes. */
function quotedString(machine: Machine): string {
  const literal = asciiLine(machine).trim();
  const quote = literal[0];
  if ((quote !== "'" && quote !== '"') || literal.length < 2 || literal.at(-1) !== quote) {
    machine.fail('a string has no quotes');
  }
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
  return literal
    .slice(1, -1)
    .replace(/\\(x([0-9a-fA-F]{2})|.)/g, (_, all: string, hex: string | undefined) =>
      hex === undefined ? (escapes[all] ?? all) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

/** "raw-unicode-escape": Latin-1 with \uXXXX. */
function rawUnicode(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function lookUp(machine: Machine, module: string, name: string): void {
  const path = `${module}.${name}`;
  const found = machine.surroundings.global(path);
  if (found === undefined) {
    throw new BadFile(
      `it asks for ${quoted(path)}, which no tensor needs; Laurel runs nothing that a file names. ` +
        'Save the weights alone: torch.save(model.state_dict(), path).',
    );
  }
  machine.push(found);
}

function call(machine: Machine, callee: PickleValue, args: readonly PickleValue[]): void {
  const run =
    ofKind(callee, 'global')?.call ?? machine.fail(`it calls ${kindName(callee)}, which is no function`);
  machine.surroundings.budget.spend(containerCost, 'its pickle');
  machine.push(run(args));
}

function callWithTuple(machine: Machine): void {
  const args = ofKind(machine.pop(), 'tuple') ?? machine.fail('the arguments of a call are no tuple');
  call(machine, machine.pop(), args.items);
}

function tuple(machine: Machine, items: readonly PickleValue[]): void {
  machine.push({ kind: 'tuple', items }, containerCost);
}

function tupleOf(machine: Machine, count: number): void {
  const items: PickleValue[] = [];
  for (let i = 0; i < count; i++) items.unshift(machine.pop());
  tuple(machine, items);
}

function append(machine: Machine, items: readonly PickleValue[]): void {
  const list = ofKind(machine.top(), 'list') ?? machine.fail(`it appends to ${kindName(machine.top())}`);
  for (const item of items) list.items.push(item);
}

function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const dict =
    ofKind(machine.top(), 'dict') ?? machine.fail(`it puts entries into ${kindName(machine.top())}`);
  addPairs(machine, dict.entries, items);
}

function addPairs(
  machine: Machine,
  entries: Map<PickleValue, PickleValue>,
  items: readonly PickleValue[],
): void {
  if (items.length % 2 !== 0) machine.fail('a key has no value');
  machine.surroundings.budget.spend(20 * items.length, 'its pickle');
  for (let i = 0; i < items.length; i += 2) {
    entries.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  }
}

function addToSet(machine: Machine, items: readonly PickleValue[]): void {
  const set = ofKind(machine.top(), 'set') ?? machine.fail(`it adds members to ${kindName(machine.top())}`);
  machine.surroundings.budget.spend(40 * items.length, 'its pickle');
  for (const item of items) set.items.add(item);
}

/** Attributes: an ordered dictionary's `_metadata`, a tensor's own. They mean nothing here. */
function build(machine: Machine): void {
  machine.pop();
  const target = machine.top();
  const takes = (['dict', 'tensor', 'set', 'list', 'inert'] as const).some((kind) => ofKind(target, kind));
  if (!takes) machine.fail(`it sets attributes of ${kindName(target)}`);
}

function memoize(machine: Machine, index: number): void {
  if (!machine.memo.has(index)) machine.surroundings.budget.spend(40, 'its pickle');
  machine.memo.set(index, machine.top());
}

function recall(machine: Machine, index: number): void {
  const value = machine.memo.get(index);
  if (value === undefined) machine.fail(`it recalls value ${index}, which was not kept`);
  machine.push(value as PickleValue);
}

function index(machine: Machine): number {
  const value = decimal(machine, asciiLine(machine));
  return typeof value === 'number' && value >= 0 ? value : machine.fail('an index is out of range');
}

function float(machine: Machine): number {
  const line = asciiLine(machine).trim();
  const value = /^[+-]?(inf|nan)$/i.test(line)
    ? Number(line.replace(/^\+?inf$/i, 'Infinity').replace(/^-inf$/i, '-Infinity'))
    : Number(line);
  if (line === '' || (Number.isNaN(value) && !/nan$/i.test(line)))
    machine.fail('a number is not written as one');
  return value;
}

const operations: Readonly<Record<number, Operation>> = byCode({
  // Protocol, frames: nothing to do, as the reader checks every length against what is there.
  '\x80': (m) => {
    const protocol = m.reader.byte();
    if (protocol > 5) m.fail(`it has protocol ${protocol}, at most 5 is known`);
  },
  '\x95': (m) => {
    const length = unsigned64(m);
    if (length > m.reader.remaining()) m.fail(`a frame of ${length} bytes goes beyond the end of the file`);
  },
  // Plain values.
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  K: (m) => m.push(unsigned(m, 1)),
  M: (m) => m.push(unsigned(m, 2)),
  J: (m) => m.push(signed32(m)),
  I: (m) => {
    const line = asciiLine(m).trim();
    m.push(line === '01' ? true : line === '00' ? false : decimal(m, line));
  },
  L: (m) => m.push(decimal(m, asciiLine(m))),
  '\x8a': (m) => long(m, unsigned(m, 1)),
  '\x8b': (m) => long(m, signed32(m)),
  F: (m) => m.push(float(m)),
  G: (m) => {
    const eight = m.reader.bytes(8);
    m.push(new DataView(eight.buffer).getFloat64(0));
  },
  // Text and bytes. Python 2's strings are bytes that nearly always are Latin-1 text.
  S: (m) => m.push(quotedString(m), containerCost),
  T: (m) => text(m, unsigned(m, 4), latin1),
  U: (m) => text(m, unsigned(m, 1), latin1),
  V: (m) => m.push(rawUnicode(asciiLine(m)), containerCost),
  X: (m) => text(m, unsigned(m, 4), utf8),
  '\x8c': (m) => text(m, unsigned(m, 1), utf8),
  '\x8d': (m) => text(m, unsigned64(m), utf8),
  B: (m) => bytes(m, unsigned(m, 4)),
  C: (m) => bytes(m, unsigned(m, 1)),
  '\x8e': (m) => bytes(m, unsigned64(m)),
  '\x96': (m) => bytes(m, unsigned64(m)),
  // Containers.
  '(': (m) => m.mark(),
  ')': (m) => tuple(m, []),
  '\x85': (m) => tupleOf(m, 1),
  '\x86': (m) => tupleOf(m, 2),
  '\x87': (m) => tupleOf(m, 3),
  t: (m) => tuple(m, m.popToMark()),
  ']': (m) => m.push({ kind: 'list', items: [] }, containerCost),
  l: (m) => m.push({ kind: 'list', items: m.popToMark() }, containerCost),
  a: (m) => {
    const item = m.pop();
    m.surroundings.budget.spend(8, 'its pickle');
    append(m, [item]);
  },
  e: (m) => append(m, m.popToMark()),
  '}': (m) => m.push({ kind: 'dict', entries: new Map() }, containerCost),
  d: (m) => {
    const items = m.popToMark();
    const entries = new Map<PickleValue, PickleValue>();
    addPairs(m, entries, items);
    m.push({ kind: 'dict', entries }, containerCost);
  },
  s: (m) => {
    const value = m.pop();
    const key = m.pop();
    setItems(m, [key, value]);
  },
  u: (m) => setItems(m, m.popToMark()),
  '\x8f': (m) => m.push({ kind: 'set', items: new Set() }, containerCost),
  '\x90': (m) => addToSet(m, m.popToMark()),
  '\x91': (m) => {
    const items = m.popToMark();
    m.push({ kind: 'set', items: new Set() }, containerCost);
    addToSet(m, items);
  },
  // The stack and the memo.
  '0': (m) => m.discard(),
  '1': (m) => {
    m.popToMark();
  },
  '2': (m) => m.push(m.top()),
  p: (m) => memoize(m, index(m)),
  q: (m) => memoize(m, unsigned(m, 1)),
  r: (m) => memoize(m, unsigned(m, 4)),
  '\x94': (m) => memoize(m, m.memo.size),
  g: (m) => recall(m, index(m)),
  h: (m) => recall(m, unsigned(m, 1)),
  j: (m) => recall(m, unsigned(m, 4)),
  // Names and calls: the only way out of plain data, and it leads to the caller's table alone.
  c: (m) => {
    const module = utf8.decode(m.reader.line(maxLine));
    lookUp(m, module, utf8.decode(m.reader.line(maxLine)));
  },
  '\x93': (m) => {
    const name = m.pop();
    const module = m.pop();
    if (typeof name !== 'string' || typeof module !== 'string') return m.fail('a name is no string');
    lookUp(m, module, name);
  },
  R: callWithTuple,
  '\x81': callWithTuple,
  '\x92': (m) => {
    const named = ofKind(m.pop(), 'dict');
    if (named === undefined || named.entries.size > 0) m.fail('it makes an object with named arguments');
    callWithTuple(m);
  },
  i: (m) => {
    const module = utf8.decode(m.reader.line(maxLine));
    lookUp(m, module, utf8.decode(m.reader.line(maxLine)));
    const callee = m.pop();
    call(m, callee, m.popToMark());
  },
  o: (m) => {
    const [callee, ...args] = m.popToMark();
    call(m, callee ?? null, args);
  },
  b: build,
  Q: (m) => m.push(m.surroundings.persistent(m.pop()), containerCost),
  P: (m) => m.push(m.surroundings.persistent(asciiLine(m)), containerCost),
});

function byCode(table: Readonly<Record<string, Operation>>): Record<number, Operation> {
  return Object.fromEntries(
    Object.entries(table).map(([letter, operation]) => [letter.charCodeAt(0), operation]),
  );
}
