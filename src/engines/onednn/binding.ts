// A step as a call: everything that it needs is looked up once, and a run only makes the call.
import type { NativeStep, Tensor } from './lowering.ts';
import { argumentTable, type Natives } from './natives.ts';

export function bindNative(
  natives: Natives,
  step: NativeStep,
  addressOf: (tensor: Tensor) => bigint,
): () => void {
  if (step.kind === 'code') {
    const table = BigUint64Array.from(step.arguments, (tensor) => (tensor ? addressOf(tensor) : 0n));
    return () => natives.runCode(step.address, table);
  }
  const table = argumentTable(
    step.arguments.map(([number, tensor]) => [number, natives.memory(tensor.layout, addressOf(tensor))]),
  );
  const primitive = natives.primitive(step.descriptor);
  const what = `${step.op} at '${step.path}' (${step.descriptor.implementation})`;
  return () => natives.execute(primitive, table, what);
}
