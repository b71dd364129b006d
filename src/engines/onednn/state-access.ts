// States read and written by name in plain layout, whatever layout they are kept in. The reorders are made on first use
// and kept; the plain numbers are the caller's, so that weights do not lie in memory a second time.
import { didYouMean } from '../../errors.ts';
import { elementCount } from '../../graph/tensor.ts';
import { argument } from './abi.ts';
import type { Library } from './library.ts';
import type { Tensor } from './lowering.ts';
import { argumentTable, type Natives } from './natives.ts';
import { signalShield } from './signals.ts';

const alignment = 128;

export interface StateAccess {
  read(name: string): Float32Array;
  write(name: string, values: ArrayLike<number>): void;
}

type Direction = 'read' | 'write';

export function createStateAccess(
  natives: Natives,
  states: ReadonlyMap<string, Tensor>,
  addressOf: (tensor: Tensor) => bigint,
  library: Library,
): StateAccess {
  const shielded = signalShield();
  const movers = new Map<string, (numbers: Float32Array) => void>();
  const setAddress = library.call('dnnl_memory_set_data_handle', 'i(pp)');

  const createMover = (tensor: Tensor, direction: Direction) => {
    const plain = natives.plainLayout(tensor.layout.dims, 'f32');
    const [src, dst] = direction === 'read' ? [tensor.layout, plain] : [plain, tensor.layout];
    const descriptor = natives.describe('reorder', { src, dst });
    if (descriptor === undefined)
      throw new Error(`oneDNN: no reorder for a state of ${plain.dims.join('x')}.`);
    const inside = natives.memory(tensor.layout, addressOf(tensor));
    // Where the numbers lie is said before each use.
    const outside = natives.memory(plain, addressOf(tensor));
    const [from, to] = direction === 'read' ? [inside, outside] : [outside, inside];
    const scratch = new Uint8Array(descriptor.scratchpadBytes + alignment);
    const scratchLayout = natives.plainLayout([Math.max(1, descriptor.scratchpadBytes)], 'u8');
    const table = argumentTable([
      [argument.src, from],
      [argument.dst, to],
      [argument.scratchpad, natives.memory(scratchLayout, library.address(scratch))],
    ]);
    const primitive = natives.primitive(descriptor);
    return (numbers: Float32Array) => {
      setAddress(outside, library.address(numbers));
      // The closure keeps `scratch` alive as long as the primitive that writes into it.
      if (scratch.length > 0) natives.execute(primitive, table, 'the copy of a state');
    };
  };

  const move = (name: string, direction: Direction, numbers: Float32Array): void => {
    const key = `${direction} ${name}`;
    let mover = movers.get(key);
    if (mover === undefined) {
      mover = createMover(states.get(name) as Tensor, direction);
      movers.set(key, mover);
    }
    const run = mover;
    shielded(() => run(numbers));
  };

  const countOf = (name: string): number => {
    const tensor = states.get(name);
    if (tensor === undefined) {
      throw new Error(`The graph has no state named ${name}.${didYouMean(name, states.keys())}`);
    }
    return elementCount(tensor.layout.dims);
  };

  return {
    read(name) {
      const numbers = new Float32Array(countOf(name));
      move(name, 'read', numbers);
      return numbers;
    },
    write(name, values) {
      const count = countOf(name);
      if (values.length !== count) {
        throw new Error(`The state ${name} got ${values.length} numbers, expected ${count}.`);
      }
      if (values instanceof Float32Array) return move(name, 'write', values);
      const numbers = new Float32Array(count);
      numbers.set(values);
      move(name, 'write', numbers);
    },
  };
}
