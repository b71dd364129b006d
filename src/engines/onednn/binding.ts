// A step as native work: everything that it needs is looked up once, and a run only makes the calls.
import type { NativeStep, Tensor } from './lowering.ts';
import { argumentTable, type Natives, type NativeWork } from './natives.ts';

export function bindNative(
  natives: Natives,
  step: NativeStep,
  addressOf: (tensor: Tensor) => bigint,
): NativeWork {
  if (step.kind === 'code') {
    const table = BigUint64Array.from(step.arguments, (tensor) => (tensor ? addressOf(tensor) : 0n));
    return { kind: 'code', address: step.address, table };
  }
  const table = argumentTable(
    step.arguments.map(([number, tensor]) => [number, natives.memory(tensor.layout, addressOf(tensor))]),
  );
  const what = `${step.op} at '${step.path}' (${step.descriptor.implementation})`;
  return { kind: 'primitive', primitive: natives.primitive(step.descriptor), table, what };
}

/** Steps as calls: what is native between two parts on the host as one. */
export function joined(natives: Natives, steps: readonly (NativeWork | (() => void))[]): (() => void)[] {
  const calls: (() => void)[] = [];
  let works: NativeWork[] = [];
  const settle = (): void => {
    if (works.length > 0) calls.push(natives.series(works));
    works = [];
  };
  for (const step of steps) {
    if (typeof step === 'function') {
      settle();
      calls.push(step);
    } else works.push(step);
  }
  settle();
  return calls;
}
