// Numbers that code multiplies with or adds: they stand behind its last instruction.
import { type Assembler, at, type Label, r, type Vector } from './assembler.ts';

/** Numbers that stand behind the code. */
export interface Numbers {
  /** In all lanes; uses up rax. */
  broadcast(to: Vector, value: number): void;
  /** Behind the last instruction. */
  place(): void;
}

export function numbersBehind(code: Assembler): Numbers {
  const placed: (readonly [label: Label, value: number])[] = [];
  return {
    broadcast(to, value) {
      const label: Label = {};
      placed.push([label, value]);
      code.addressOf(r.ax, label);
      code.broadcast(to, at(r.ax));
    },
    place() {
      for (const [label, value] of placed) {
        code.place(label);
        code.numbers([...new Int32Array(Float32Array.of(value).buffer)]);
      }
    },
  };
}
