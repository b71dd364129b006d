// The same seed, threads and library give the same bits: two native runs of a few training steps, and of inference, of
// networks with the blocks whose kernels add in parallel (residual sums, batch norm, inception's branches, pools, linear
// layers). Another seed gives other bits, so that equal ones mean something.
import { describe, expect, it } from 'vitest';
import type { ComputeType, Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { markOutput } from '../graph/graph.ts';
import { add, concat, flatten, globalAveragePool, relu } from '../graph/ops/index.ts';
import { streamOf, uniforms } from '../graph/random.ts';
import type { NumericArray } from '../graph/tensor.ts';
import { buildNetwork, type FormDescription, type NetworkDescription } from '../nets/network.ts';
import { compilePrograms } from './programs.ts';

const resnet: FormDescription['build'] = (x, net, classes) => {
  const unit = (h: typeof x, name: string, maps: number, stride: number) =>
    net.batchNorm(net.conv(h, name, maps, 3, { stride, padding: 1, bias: false }), `${name}_bn`);
  const block = (h: typeof x, name: string, maps: number, stride: number) => {
    const body = unit(relu(unit(h, `${name}a`, maps, stride)), `${name}b`, maps, 1);
    return relu(add(body, stride === 1 ? h : net.conv(h, `${name}s`, maps, 1, { stride, bias: false })));
  };
  x = relu(unit(x, 'stem', 32, 1));
  x = block(block(x, 'one', 32, 1), 'two', 64, 2);
  return net.linear(flatten(globalAveragePool(x)), 'fc', classes);
};

const googlenet: FormDescription['build'] = (x, net, classes) => {
  const conv = (h: typeof x, name: string, maps: number, kernel: number) =>
    relu(net.conv(h, name, maps, kernel, { padding: (kernel - 1) / 2 }));
  const inception = (h: typeof x, name: string) =>
    concat([
      conv(h, `${name}_1`, 16, 1),
      conv(conv(h, `${name}_3r`, 12, 1), `${name}_3`, 24, 3),
      conv(conv(h, `${name}_5r`, 4, 1), `${name}_5`, 8, 5),
      conv(net.maxPool(h, `${name}_pool`, 3, { stride: 1, padding: 1 }), `${name}_p`, 8, 1),
    ]);
  x = net.maxPool(conv(x, 'stem', 32, 3), 'pool', 2);
  x = net.dropout(globalAveragePool(inception(inception(x, 'a'), 'b')), 'drop', 0.4);
  return net.linear(flatten(x), 'fc', classes);
};

function small(name: string, build: FormDescription['build']): NetworkDescription {
  const form = { channels: 3, height: 16, width: 16, classes: 10, build };
  return { name, year: 0, paper: '', forms: { imagenet: form } };
}

/** More than one, whatever the machine has: threads that share a core add up in the same order, too. */
const threads = 2;
const { engine, reason } = tryCreateOneDnnEngine({ threads });
const dtypes = engine?.describe().dtypes ?? [];
const optimizer = { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true, clipNorm: 1 };

const imagesOf = (step: number): Float32Array =>
  Float32Array.from(uniforms(1, streamOf(`x${step}`), 16 * 768), (u) => 2 * u - 1);
const labelsOf = (step: number): Int32Array =>
  Int32Array.from(uniforms(1, streamOf(`y${step}`), 16), (u) => Math.floor(u * 10));
const bitsOf = ({ buffer, byteOffset, byteLength }: NumericArray): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

describe.skipIf(engine === undefined)(`on oneDNN${engine ? '' : `: skipped, ${reason}`}`, () => {
  const networks = [small('resnet', resnet), small('googlenet', googlenet)];
  const cases = networks.flatMap((description) => dtypes.map((dtype) => ({ description, dtype })));

  interface Trained {
    readonly losses: readonly number[];
    /** Weights, statistics, momentum and averages, by name. */
    readonly bits: ReadonlyMap<string, string>;
  }

  function train(description: NetworkDescription, dtype: ComputeType, seed: number): Trained {
    const programs = compilePrograms({
      engine: engine as Engine,
      dtype,
      seed,
      description,
      build: { batch: 16 },
      step: { optimizer, labelSmoothing: 0.1, average: true },
    });
    const losses = [0, 1, 2, 3, 4].map(
      (step) => programs.step(imagesOf(step), labelsOf(step), 0.05, step, { averageShare: 0.1 }).loss,
    );
    const tensors = [...programs.tensors('weights'), ...programs.tensors('optimizer')];
    const bits = new Map(tensors.map(([name, { data }]) => [name, bitsOf(data)]));
    programs.dispose();
    return { losses, bits };
  }

  function infer(description: NetworkDescription, dtype: ComputeType, seed: number): string {
    const network = buildNetwork(description, { batch: 16 });
    markOutput('logits', network.logits);
    const program = (engine as Engine).compile(network.graph, { dtype, seed });
    expect(program.report().engine.threads).toBe(threads);
    const bits = [0, 1].map((step) => bitsOf(program.run({ images: imagesOf(step) }).logits as NumericArray));
    program.dispose();
    return bits.join();
  }

  it.each(cases)(
    '5 steps of $description.name in $dtype give the same bits twice',
    ({ description, dtype }) => {
      const [first, second] = [train(description, dtype, 7), train(description, dtype, 7)];
      expect(first.losses).toEqual(second.losses);
      expect(new Set(first.losses).size).toBe(5);
      expect([...second.bits.keys()]).toEqual([...first.bits.keys()]);
      for (const [name, bits] of first.bits)
        expect(second.bits.get(name) === bits, `${name} to the bit`).toBe(true);
    },
  );

  it.each(cases)(
    'another seed trains $description.name in $dtype to other bits',
    ({ description, dtype }) => {
      const [first, second] = [train(description, dtype, 7), train(description, dtype, 8)];
      expect(second.losses).not.toEqual(first.losses);
      const drawn = [...first.bits].filter(([name]) => name.endsWith('.weight'));
      expect(drawn.length).toBeGreaterThan(2);
      for (const [name, bits] of drawn) expect(second.bits.get(name) === bits, name).toBe(false);
    },
  );

  it.each(cases)('inference of $description.name in $dtype gives the same bits twice', (each) => {
    const { description, dtype } = each;
    const first = infer(description, dtype, 7);
    expect(infer(description, dtype, 7) === first).toBe(true);
    expect(infer(description, dtype, 8) === first).toBe(false);
  });
});
