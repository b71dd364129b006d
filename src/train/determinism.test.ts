// The same seed, threads and library give the same bits: two native runs of a few training steps, of networks with the
// blocks whose kernels add in parallel (residual sums, batch norm, inception's branches, pools, linear layers).
import { describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { add, concat, flatten, globalAveragePool, relu } from '../graph/ops/index.ts';
import { streamOf, uniforms } from '../graph/random.ts';
import type { FormDescription, NetworkDescription } from '../nets/network.ts';
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

const { engine, reason } = tryCreateOneDnnEngine();
const dtypes = engine?.describe().dtypes ?? [];

describe.skipIf(engine === undefined)(`on oneDNN${engine ? '' : `: skipped, ${reason}`}`, () => {
  const networks = [small('resnet', resnet), small('googlenet', googlenet)];
  const cases = networks.flatMap((description) => dtypes.map((dtype) => ({ description, dtype })));

  it.each(cases)(
    '5 steps of $description.name in $dtype give the same bits twice',
    ({ description, dtype }) => {
      if (engine === undefined) return;
      const optimizer = {
        momentum: 0.9,
        nesterov: true,
        weightDecay: 5e-4,
        decayBiasAndNorm: true,
        clipNorm: 1,
      };
      const programs = () =>
        compilePrograms({
          engine,
          dtype,
          seed: 7,
          description,
          build: { batch: 16 },
          step: { optimizer, labelSmoothing: 0.1, average: true },
        });
      const train = () => {
        const run = programs();
        const losses = [0, 1, 2, 3, 4].map((step) => {
          const images = Float32Array.from(uniforms(1, streamOf(`x${step}`), 16 * 768), (u) => 2 * u - 1);
          const labels = Int32Array.from(uniforms(1, streamOf(`y${step}`), 16), (u) => Math.floor(u * 10));
          return run.step(images, labels, 0.05, step, { averageShare: 0.1 }).loss;
        });
        const tensors = [...run.tensors('weights'), ...run.tensors('optimizer')].map(([name, { data }]) => ({
          name,
          bits: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
        }));
        run.dispose();
        return { losses, tensors };
      };
      const [first, second] = [train(), train()];
      expect(first.losses).toEqual(second.losses);
      expect(new Set(first.losses).size).toBe(5);
      for (const [i, { name, bits }] of first.tensors.entries()) {
        expect(second.tensors[i]?.bits.equals(bits), `${name} to the bit`).toBe(true);
      }
    },
  );
});
