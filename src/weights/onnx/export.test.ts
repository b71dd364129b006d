// The file as a whole: names, metadata, preprocessing, limits; and what ONNX's own checker says of it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { createGraph, type Graph, input, markOutput, state, type Value } from '../../graph/graph.ts';
import { linear, relu, softmax } from '../../graph/ops/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork, type Form } from '../../nets/network.ts';
import { encodeOnnx, type OnnxOptions, writeOnnx } from './export.ts';
import { joined, livelyWeights, relativeError, runExported, runOnnx } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The page's own reader of metadata. */
const page = { TextDecoder } as {
  readOnnxMetadata?: (bytes: Uint8Array) => { producer: string; entries: object };
};
const reader = new URL('../../../examples/browser/metadata.js', import.meta.url);
runInNewContext(readFileSync(reader, 'utf8'), Object.assign(page, { globalThis: page, Uint8Array }));

function exampleGraph(name: string, form: Form, batch = 1): Graph {
  const { graph, logits } = buildNetwork(findNetwork(name), { form, batch });
  markOutput('probabilities', softmax(logits));
  return graph;
}

function encoded(graph: Graph, options: Partial<OnnxOptions> = {}): Uint8Array {
  return joined(encodeOnnx(graph, livelyWeights(graph), { name: 'test', ...options }));
}

describe('an ONNX file', () => {
  it('keeps the names of the weights, of the input and of the output', async () => {
    const graph = exampleGraph('lenet', 'imagenet');
    const bytes = encoded(graph);
    const session = await InferenceSession.create(bytes);
    expect(session.inputNames).toEqual(['images']);
    expect(session.outputNames).toEqual(['probabilities']);
    expect(session.inputMetadata[0]).toMatchObject({ type: 'float32', shape: [1, 1, 32, 32] });
    await session.release();
    for (const name of [...graph.states.keys(), 'pool1'])
      expect(Buffer.from(bytes).includes(name)).toBe(true);
  });

  it('says what it is, in metadata that the page in examples/browser reads', () => {
    const metadata = { network: 'lenet', classes: JSON.stringify(['Zürich', '猫', '']) };
    const { producer, entries } =
      page.readOnnxMetadata?.(encoded(exampleGraph('lenet', 'imagenet'), { metadata })) ?? {};
    expect(producer).toBe('laurel');
    expect({ ...entries }).toEqual(metadata);
    expect(() => page.readOnnxMetadata?.(Buffer.from('hello there'))).toThrow();
    expect(() => page.readOnnxMetadata?.(new Uint8Array())).toThrow('it holds no graph');
  });

  it('has a batch that each run chooses, where that is wanted', async () => {
    const bytes = encoded(exampleGraph('lenet', 'imagenet'), { dynamicBatch: true });
    const one = { shape: [1, 1, 32, 32], data: new Float32Array(1024).fill(0.5) };
    const two = { shape: [2, 1, 32, 32], data: new Float32Array(2048).fill(0.5) };
    const single = (await runOnnx(bytes, one)).probabilities;
    const both = (await runOnnx(bytes, two)).probabilities;
    expect(both?.shape).toEqual([2, 10]);
    expect(relativeError(both?.data.subarray(10) ?? [], single?.data ?? [])).toBeLessThan(1e-6);
    await expect(runOnnx(encoded(exampleGraph('lenet', 'imagenet')), two)).rejects.toThrow(
      /invalid dimensions|Got: 2/,
    );
  });

  it.each([
    [false, 0],
    [true, 2],
  ])('prepares bytes as Laurel does (reversed channels %s, border %d)', async (reverseChannels, pad) => {
    const [h, w] = [3, 4];
    const graph = createGraph();
    markOutput('result', relu(input(graph, 'images', [2, 3, h + 2 * pad, w + 2 * pad])));
    const mean = [0.1, 0.2, 0.3];
    const std = [0.25, 0.5, 2];
    const bytes = Uint8Array.from({ length: 2 * h * w * 3 }, (_, i) => (i * 37) % 256);
    const shape = [2, h, w, 3];
    const preprocessing = { pad, mean, std, reverseChannels };
    const { result } = await runExported(graph, new Map(), { shape, data: bytes }, { preprocessing });
    const expected: number[] = [];
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 3; c++) {
        for (let y = -pad; y < h + pad; y++) {
          for (let x = -pad; x < w + pad; x++) {
            const inside = y >= 0 && y < h && x >= 0 && x < w;
            const pixel = inside
              ? (bytes[((n * h + y) * w + x) * 3 + (reverseChannels ? 2 - c : c)] as number)
              : 0;
            expected.push(Math.max(0, (pixel / 255 - (mean[c] as number)) / (std[c] as number)));
          }
        }
      }
    }
    expect(result?.shape).toEqual([2, 3, h + 2 * pad, w + 2 * pad]);
    expect(relativeError(result?.data ?? [], expected)).toBeLessThan(1e-6);
  });

  it('gives an output under two names, and one that is an input', async () => {
    const graph = createGraph();
    const x = input(graph, 'images', [1, 3]);
    const y = relu(x);
    markOutput('a', y);
    markOutput('b', y);
    markOutput('same', x);
    const results = await runExported(graph, new Map(), { shape: [1, 3], data: Float32Array.of(1, -2, 3) });
    expect(Object.entries(results).map(([name, { data }]) => [name, [...data]])).toEqual([
      ['a', [1, 0, 3]],
      ['b', [1, 0, 3]],
      ['same', [1, -2, 3]],
    ]);
  });

  it('is refused beyond 2 GiB with a sentence, and nothing is written', () => {
    const graph = createGraph();
    // Nine layers that share one array; the file would hold it nine times.
    const [rows, columns] = [8192, 8192];
    const values = new Float32Array(rows * columns);
    let h = input(graph, 'images', [1, columns]);
    const weights = new Map<string, Float32Array>();
    for (let i = 0; i < 9; i++) {
      h = linear(
        h,
        state(graph, `fc${i}.weight`, [rows, columns], 'parameter', { kind: 'constant', value: 0 }),
      );
      weights.set(`fc${i}.weight`, values);
    }
    markOutput('result', h);
    const path = join(folder, 'large.onnx');
    expect(() => writeOnnx(path, graph, weights, { name: 'large' })).toThrow(
      /^The model would have 2\.25 GiB; an ONNX file holds at most 2 GiB\. Choose a smaller network\.$/,
    );
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(folder).filter((file) => file.startsWith('large'))).toEqual([]);
  });

  it('names the weight that is missing', () => {
    const graph = exampleGraph('lenet', 'imagenet');
    const weights = livelyWeights(graph);
    weights.set('fc1.bias', new Float32Array(3));
    expect(() => encodeOnnx(graph, weights, { name: 'test' })).toThrow(/fc1\.bias is 120, got 3 numbers/);
  });
});

/** Debian's python3-onnx belongs to the system's Python, which need not be the first on the PATH. */
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import onnx']).status === 0,
);

describe.skipIf(python === undefined)("ONNX's own checker (skipped where python3-onnx is absent)", () => {
  const check = 'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)';
  it.each<[string, Form, Partial<OnnxOptions>]>([
    ['lenet', 'imagenet', {}],
    ['lenet', 'imagenet', { dynamicBatch: true, preprocessing: { pad: 2, mean: [0.5], std: [0.2] } }],
    ['resnet18', 'cifar', { dynamicBatch: true }],
  ])('accepts %s (%s) with %j', (name, form, options) => {
    const path = join(folder, 'checked.onnx');
    writeFileSync(path, encoded(exampleGraph(name, form), options));
    const { status, stderr } = spawnSync(python as string, ['-c', check, path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

describe('the reference engine and onnxruntime', () => {
  it('agree on a batch of pictures', async () => {
    const graph = exampleGraph('lenet', 'article', 3);
    const weights = livelyWeights(graph);
    const program = createReferenceEngine().compile(graph);
    for (const [name, values] of weights) program.write(name, values);
    const { shape } = graph.inputs.get('images') as Value;
    const data = Float32Array.from({ length: 3 * 28 * 28 }, (_, i) => Math.cos(i));
    const { probabilities } = await runExported(graph, weights, { shape, data });
    const expected = program.run({ images: data }).probabilities as Float32Array;
    expect(relativeError(probabilities?.data ?? [], expected)).toBeLessThan(1e-5);
  });
});
