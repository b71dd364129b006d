import { describe, expect, it } from 'vitest';
import { sgdOp } from '../../../graph/ops/sgd.ts';
import { allocateRegion } from '../memory.ts';
import { type Descent, descentCode } from './descent.ts';
import { here, random, runs, whyNot } from './testing.ts';

const margin = 32;

describe.skipIf(!runs)(`generated steps of the optimiser${whyNot}`, () => {
  it.each([
    ['one register', 16, { nesterov: false, scaled: false, weightDecay: 0 }],
    ['pieces of odd length', 16 * 301, { nesterov: true, scaled: false, weightDecay: 5e-4 }],
    ['whole pieces', 16 * 512, { nesterov: true, scaled: true, weightDecay: 1e-4 }],
    ['many', 16 * 4002, { nesterov: false, scaled: true, weightDecay: 1e-4 }],
  ] as const)('%s', (_, count, options) => {
    const { library, natives } = here();
    const descent: Descent = { count, momentum: 0.9, ...options };
    const next = random(count);
    const draw = () => Float32Array.from({ length: count }, () => next() - 0.5);
    const [g, w, v] = [draw(), draw(), draw()] as const;
    const [rate, scale] = [0.1, 0.7];
    const region = allocateRegion(library, (3 * count + 5 * margin) * 4);
    const all = region.floats(0, 3 * count + 5 * margin).fill(7);
    const starts = [0, 1, 2].map((i) => margin + i * (count + margin)) as [number, number, number];
    [g, w, v].forEach((values, i) => {
      all.set(values, starts[i]);
    });
    const scalars = 3 * count + 4 * margin;
    all.set([rate, scale], scalars);
    const address = (place: number): bigint => region.address + BigInt(4 * place);
    const code = natives.code(`descent ${JSON.stringify(descent)}`, (team) => descentCode(descent, team));
    const table = [
      ...[starts[0], scalars, ...(options.scaled ? [scalars + 1] : [])],
      ...[starts[1], starts[2]],
    ];
    natives.runCode(code as bigint, BigUint64Array.from(table, address));
    const outputs = [new Float64Array(count), new Float64Array(count)];
    const inputs = [w, g, v, [rate], ...(options.scaled ? [[scale]] : [])].map((each) =>
      Float64Array.from(each),
    );
    const attributes = { momentum: 0.9, ...options };
    sgdOp.evaluate({ attributes, inputs, inputShapes: [], outputs, outputShapes: [] });
    outputs.forEach((wanted, i) => {
      const start = starts[i + 1] as number;
      wanted.forEach((value, k) => {
        expect(Math.abs((all[start + k] as number) - value)).toBeLessThan(3e-7);
      });
    });
    expect(all.slice(starts[0], starts[0] + count)).toEqual(g);
    for (const start of starts)
      expect(all.slice(start - margin, start)).toEqual(new Float32Array(margin).fill(7));
  });

  it('are not made of what does not fill registers', () => {
    const make = () =>
      here().natives.code('descent 10', (team) =>
        descentCode({ count: 10, momentum: 0, weightDecay: 0, nesterov: false, scaled: false }, team),
      );
    expect(make).toThrow('10 numbers do not fill registers of 16.');
  });
});
