// The pickle machine against pickles made by hand, most of them hostile. None may run anything, recurse, or take memory
// that the file does not pay for; each ends in a sentence.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { readerOfBytes } from './byte-reader.ts';
import { readPickle } from './pickle.ts';
import type { PickleValue } from './pickle-values.ts';
import { storageIds, tensorGlobals } from './pytorch-globals.ts';
import { readWeights } from './read.ts';
import { littleEndian, pickleOf, zipCheckpoint } from './testing.ts';
import { BadFile, type Budget, memoryBudget } from './weights-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-pickle-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(...parts: (string | number | Uint8Array)[]): PickleValue {
  const bytes = pickleOf(...parts);
  return readWithin(bytes, memoryBudget(bytes.length));
}

function readWithin(bytes: Uint8Array, budget: Budget): PickleValue {
  const { persistent } = storageIds();
  return readPickle(readerOfBytes(bytes), { global: tensorGlobals(budget), persistent, budget });
}

function problem(...parts: (string | number | Uint8Array)[]): string {
  try {
    read(...parts);
  } catch (error) {
    expect(error).toBeInstanceOf(BadFile);
    return (error as Error).message;
  }
  throw new Error('the pickle was accepted');
}

/** The same, as a whole checkpoint in each format. */
function refusals(pickle: Buffer): string[] {
  const magic = pickleOf('\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.', '\x80\x02M\xe9\x03.');
  const machine = pickleOf('\x80\x02}', 'X', littleEndian(13, 4), 'little_endian', '\x88s.');
  const files = [zipCheckpoint(pickle), Buffer.concat([magic, machine, pickle, pickleOf('\x80\x02].')])];
  return files.map((bytes, i) => {
    const path = join(folder, `hostile-${i}.pth`);
    writeFileSync(path, bytes);
    try {
      readWeights(path);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message;
    }
    throw new Error('the checkpoint was accepted');
  });
}

const witness = join(folder, 'it-ran');
const command = `touch ${witness}`;

describe('a hostile checkpoint', () => {
  it.each<[string, string, Buffer]>([
    [
      'os.system',
      'REDUCE',
      pickleOf('\x80\x02cos\nsystem\n', 'X', littleEndian(command.length, 4), command, '\x85R.'),
    ],
    ['posix.system', 'protocol 0', pickleOf(`cposix\nsystem\n(S'${command}'\ntR.`)],
    ['builtins.eval', 'STACK_GLOBAL', pickleOf('\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x031+1\x85R.')],
    ['__builtin__.exec', 'Python 2', pickleOf('\x80\x02c__builtin__\nexec\n', "(S'1'\ntR.")],
    ['subprocess.Popen', 'INST', pickleOf(`(S'${command}'\nisubprocess\nPopen\n.`)],
    ['os.system', 'OBJ', pickleOf(`(cos\nsystem\nS'${command}'\no.`)],
    ['os.system', 'NEWOBJ', pickleOf(`\x80\x02cos\nsystem\n(S'${command}'\nt\x81.`)],
    ['os.system', 'without a call', pickleOf('\x80\x02cos\nsystem\n.')],
    ['torch.hub.load', 'a name of torch', pickleOf('\x80\x02ctorch.hub\nload\n.')],
    ['torch._utils.__dict__', 'a near miss', pickleOf('\x80\x02ctorch._utils\n__dict__\n.')],
    [
      'collections.OrderedDict.__init__',
      'an attribute',
      pickleOf('\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.'),
    ],
  ])('that asks for %s (%s) is refused by that name, in both formats', (name, _, pickle) => {
    for (const message of refusals(pickle)) {
      expect(message).toContain(`it asks for "${name}", which no tensor needs`);
      expect(message).toContain('torch.save(model.state_dict(), path)');
    }
    expect(existsSync(witness)).toBe(false);
  });

  it('cannot smuggle control characters or a long text into the message', () => {
    const message = problem('c\x1b[2J\nx'.padEnd(2000, 'y'), '\n.');
    expect(message).toContain('\\u001b[2J.xyyy');
    expect(message.length).toBeLessThan(500);
  });

  it.each<[string, string, Buffer]>([
    ['EXT1', '0x82', pickleOf('\x80\x02\x82\x01.')],
    ['NEXT_BUFFER', '0x97', pickleOf('\x80\x05\x97.')],
    ['an unknown one', '0xff', pickleOf('\xff.')],
  ])('with the opcode %s is refused', (_, code, pickle) => {
    expect(problem(pickle)).toContain(`the opcode ${code}`);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that values take; garbage, which the runtime lets lie as long as it likes, does not count. */
function livingBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Two million LONG_BINPUTs of one value. */
function memoBomb(): Buffer {
  const bytes = Buffer.alloc(1 + 5 * 2_000_000, 'N');
  for (let i = 0; i < 2_000_000; i++) {
    bytes[1 + 5 * i] = 0x72;
    bytes.writeUInt32LE(977 * i, 2 + 5 * i);
  }
  return bytes;
}

describe('the pickle machine', () => {
  it('nests deep without recursion, and stops where nesting would fill the memory', () => {
    const deep = 60_000;
    const value = read(']'.repeat(deep), 'a'.repeat(deep - 1), '.');
    expect(value).toMatchObject({ kind: 'list' });
    expect(problem(']'.repeat(1_000_000), 'a'.repeat(999_999), '.')).toContain('made to fill the memory');
    expect(problem('('.repeat(10_000_000), '.')).toContain('made to fill the memory');
  });

  it.each<[string, () => Buffer]>([
    ['dictionaries', () => pickleOf('}'.repeat(3_000_000), '.')],
    ['copies of a value', () => pickleOf('N', '2'.repeat(20_000_000), '.')],
    ['memo entries', memoBomb],
    [
      'sets from one list',
      () =>
        pickleOf(
          '\x80\x02](',
          'N'.repeat(5000),
          'eq\x00',
          '0',
          'cbuiltins\nset\nq\x01',
          'h\x01h\x00\x85R0'.repeat(20_000),
          '.',
        ),
    ],
    [
      'dictionaries from one list',
      () =>
        pickleOf(
          '\x80\x02](',
          '(NNt'.repeat(5000),
          'eq\x000ccollections\nOrderedDict\nq\x01',
          'h\x01h\x00\x85R0'.repeat(20_000),
          '.',
        ),
    ],
  ])('stops at a bomb of %s', (_, make) => {
    const bytes = make();
    const before = livingBytes();
    const budget = memoryBudget(bytes.length);
    let taken = 0;
    const watched: Budget = {
      spend(cost, what) {
        try {
          budget.spend(cost, what);
        } catch (error) {
          taken = livingBytes() - before;
          throw error;
        }
      },
    };
    expect(() => readWithin(bytes, watched)).toThrow('made to fill the memory');
    expect(taken).toBeGreaterThan(0);
    // Three times the file and 16 MiB are the budget; what the estimate misses must stay within as much again.
    expect(taken).toBeLessThan(2 * (3 * bytes.length + (16 << 20)));
  });

  it('doubling references cost nothing: they are never walked', () => {
    expect(read('N', '2\x86'.repeat(2000), '.')).toMatchObject({ kind: 'tuple' });
  });

  it.each<[string, string, (string | number | Uint8Array)[]]>([
    ['a huge LONG4', 'a whole number of 2147483647 bytes', ['\x80\x02\x8b', littleEndian(0x7fffffff, 4)]],
    ['a negative LONG4', 'a whole number of -1 bytes', ['\x80\x02\x8b', littleEndian(0xffffffff, 4)]],
    ['a LONG1 of 255 bytes', 'at most 64', ['\x80\x02\x8a\xff', '\x01'.repeat(255), '.']],
    ['a long LONG', 'is over 4096 bytes long', ['L', '9'.repeat(100_000), 'L\n.']],
    ['a LONG of 200 digits', 'is no whole number', ['L', '9'.repeat(200), 'L\n.']],
    [
      'a frame beyond the end',
      'a frame of 4294967295 bytes',
      ['\x80\x04\x95', littleEndian(0xffffffff, 8), 'N.'],
    ],
    ['a frame of 2^64', 'goes beyond the end', ['\x80\x04\x95', littleEndian(2n ** 64n - 1n, 8), 'N.']],
    ['a string beyond the end', '4294967295 bytes are announced', ['X', littleEndian(0xffffffff, 4), 'a.']],
    ['a string of 2^63 bytes', 'bytes are announced', ['\x80\x04\x8d', littleEndian(2n ** 63n, 8), 'a.']],
    ['a line without end', 'it is truncated', ['cos']],
    ['nothing', 'it is truncated', []],
    ['no STOP', 'it is truncated', ['N']],
    ['an empty stack', 'takes a value where there is none', ['.']],
    ['a pop below a mark', 'takes a value where there is none', ['N(a.']],
    ['a group that was not opened', 'closes a group', ['t.']],
    ['a value that was not kept', 'recalls value 7', ['h\x07.']],
    ['protocol 6', 'protocol 6, at most 5', ['\x80\x06N.']],
    ['half a pair', 'a key has no value', ['}(Nu.']],
    ['a call of a number', 'calls a number', ['K\x01)R.']],
    ['a call of a dtype', 'calls the name "torch.float32"', ['ctorch\nfloat32\n)R.']],
    ['arguments that are a list', 'are no tuple', ['ctorch\nSize\n]R.']],
    ['attributes of a name', 'sets attributes of the name', ['ctorch\nSize\n}b.']],
    ['entries into a list', 'puts entries into a list', [']NNs.']],
    ['a persistent id that is no storage', 'refers to "module"', ['(X', littleEndian(6, 4), 'moduleNNNNtQ.']],
  ])('refuses %s', (_, sentence, parts) => {
    expect(problem(...parts)).toContain(sentence);
  });

  it.each<[string, PickleValue, (string | number | Uint8Array)[]]>([
    ['LONG1', 0x1950a86a20f9469cfc6cn, ['\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.']],
    ['a negative LONG1', -300, ['\x8a\x02\xd4\xfe.']],
    ['an empty LONG1', 0, ['\x8a\x00.']],
    ['BININT', -2, ['J', littleEndian(0xfffffffe, 4), '.']],
    ['INT', 12, ['I12\n.']],
    ['the true of protocol 0', true, ['I01\n.']],
    ['LONG', -5, ['L-5L\n.']],
    ['FLOAT', 0.25, ['F0.25\n.']],
    ['an infinite FLOAT', Number.NEGATIVE_INFINITY, ['F-inf\n.']],
    ['BINFLOAT', 1.5, ['G\x3f\xf8\0\0\0\0\0\0.']],
    ['STRING', "it's", ["S'it\\'s'\n."]],
    ['UNICODE', 'ä€', ['V\xe4\\u20ac\n.']],
    ['SHORT_BINUNICODE', 'ä', ['\x8c\x02\xc3\xa4.']],
    ['POP_MARK', 3, ['K\x03(NNN1.']],
    ['POP of a mark', 3, ['K\x03(0.']],
    ['a memo', 'x', ['\x8c\x01x\x940h\x00.']],
  ])('reads %s', (_, value, parts) => {
    expect(read(...parts)).toEqual(value);
  });

  it('reads bytes', () => {
    expect(read('C\x02ab.')).toEqual(Uint8Array.of(97, 98));
  });
});

describe('a tensor in a hostile checkpoint', () => {
  const name = (text: string): Buffer => pickleOf('X', littleEndian(text.length, 4), text);
  const number = (value: number): Buffer => pickleOf('\x8a\x08', littleEndian(value, 8));
  const sizes = (values: number[]): Buffer => pickleOf('(', ...values.map(number), 't');

  /** { "w": a view of a storage of `elements` f32 }. */
  function view(elements: number, offset: number, shape: number[], strides: number[]): Buffer {
    return pickleOf(
      '\x80\x02}',
      name('w'),
      'ctorch._utils\n_rebuild_tensor_v2\n((',
      name('storage'),
      'ctorch\nFloatStorage\n',
      name('0'),
      name('cpu'),
      number(elements),
      'tQ',
      number(offset),
      sizes(shape),
      sizes(strides),
      '\x89NtRs.',
    );
  }

  function tensorOf(pickle: Buffer, storageBytes: number): readonly number[] {
    const path = join(folder, 'tensor.pth');
    writeFileSync(path, zipCheckpoint(pickle, { 0: Buffer.alloc(storageBytes, 1) }));
    return readWeights(path).tensors.get('w')?.shape as number[];
  }

  it('is read where it fits', () => {
    expect(tensorOf(view(6, 0, [2, 3], [3, 1]), 24)).toEqual([2, 3]);
    expect(tensorOf(view(6, 6, [0], [1]), 24)).toEqual([0]);
  });

  it.each<[string, string, () => unknown]>([
    ['goes past its storage', 'goes beyond its storage of 6', () => tensorOf(view(6, 1, [2, 3], [3, 1]), 24)],
    ['goes past it by its strides', 'goes beyond', () => tensorOf(view(6, 0, [2], [6]), 24)],
    [
      'has a negative offset',
      'expected a whole number of at least 0',
      () => tensorOf(view(6, -1, [1], [1]), 24),
    ],
    [
      'has a negative stride',
      'expected a whole number of at least 0',
      () => tensorOf(view(6, 5, [2], [-1]), 24),
    ],
    ['has strides of another rank', '2 sizes and 1 strides', () => tensorOf(view(6, 0, [2, 3], [1]), 24)],
    ['claims a larger storage', 'expected 4000 bytes', () => tensorOf(view(1000, 0, [6], [1]), 24)],
    ['claims a smaller storage', 'expected 4 bytes', () => tensorOf(view(1, 0, [1], [1]), 24)],
    [
      'repeats one element 2^40 times',
      'made to fill the memory',
      () => tensorOf(view(6, 0, [2 ** 40], [0]), 24),
    ],
    [
      'has 2^60 elements',
      'goes beyond its storage',
      () => tensorOf(view(6, 0, [2 ** 30, 2 ** 30], [0, 0]), 24),
    ],
  ])('that %s is refused', (_, sentence, act) => {
    expect(act).toThrow(UserError);
    expect(act).toThrow(sentence);
  });
});
