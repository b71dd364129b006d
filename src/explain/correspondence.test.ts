import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engines/engine.ts';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { flatten } from '../graph/ops/index.ts';
import { buildNetwork, type NetworkDescription } from '../nets/network.ts';
import { measureCorrespondence } from './correspondence.ts';
import { boxInInput, readBoxes } from './correspondence-boxes.ts';

const native = tryCreateOneDnnEngine({ threads: 1 }).engine;

/** A 1x1 convolution that doubles: eps is twice what the cover takes away, pixel by pixel. */
const doubling: NetworkDescription = {
  name: 'doubling',
  year: 2000,
  paper: 'none',
  forms: {
    cifar: {
      channels: 1,
      height: 4,
      width: 4,
      classes: 2,
      build: (x, net, classes) => net.linear(flatten(net.conv(x, 'conv', 1, 1)), 'fc', classes),
    },
  },
};
const tensors = new Map([
  ['conv.weight', Float32Array.of(2)],
  ['conv.bias', Float32Array.of(0)],
  ['fc.weight', new Float32Array(32).fill(0.1)],
  ['fc.bias', new Float32Array(2)],
]);
const preprocessing: Preprocessing = {
  channels: 1,
  height: 4,
  width: 4,
  pad: 0,
  normalise: { mean: [0], std: [1] },
};
const bright = { top: 0, left: 0, bottom: 2, right: 2 };
const moved = { top: 2, left: 2, bottom: 4, right: 4 };

for (const [name, engine] of [
  ['the reference engine', createReferenceEngine()],
  ['oneDNN', native],
] as const) {
  describe.skipIf(engine === undefined)(`correspondence on ${name}`, () => {
    // Covered with black: signs are those of the pixels inside the box, 0 outside.
    const image = (...values: number[]): number[] => values;
    const images = Float32Array.from([
      ...image(1, 1, 9, 9, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9),
      ...image(1, 1, 9, 9, 1, -1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9),
      ...image(-1, -1, 9, 9, -1, 0, 9, 9, 9, 9, 9, 9, 9, 9, 1, 1),
    ]);
    const request = {
      build: (batch: number) => buildNetwork(doubling, { batch }),
      tensors,
      engine: engine as Engine,
      preprocessing,
      images,
      fill: 'black' as const,
      layers: ['conv'],
      parts: ['same', 'elsewhere'],
      boxes: [
        [bright, bright],
        [bright, bright],
        [bright, moved],
      ],
    };

    it('counts the signs that differ, as by hand', async () => {
      const { layers } = await measureCorrespondence({ ...request, batch: 4, draws: 3 });
      const [same, elsewhere] = layers[0]?.parts ?? [];
      // same: signs ++++, +++-, ---0 in four of sixteen elements.
      expect([...(same?.pairs ?? [])]).toEqual([1 / 16, 4 / 16, 4 / 16]);
      expect(same?.mean).toBeCloseTo(9 / 48, 10);
      expect(same?.delta).toBeCloseTo(18 / 16, 10);
      const deviation = Math.sqrt(((1 / 16 - 3 / 16) ** 2 + 2 * (1 / 16) ** 2) / 2);
      expect(same?.deviation).toBeCloseTo(deviation, 6);
      expect(same?.standardError).toBeCloseTo(deviation / Math.sqrt(3), 6);
      // elsewhere: the third picture changes where the others do not.
      expect([...(elsewhere?.pairs ?? [])]).toEqual([1 / 16, 8 / 16, 8 / 16]);
      expect(layers[0]?.random.pairs).toHaveLength(3 * 2 * 3);
    });

    it('draws random boxes of the same size from the seed', async () => {
      const run = (seed: number) => measureCorrespondence({ ...request, draws: 4, seed });
      const [one, again, other] = [await run(1), await run(1), await run(2)];
      expect(one).toEqual(again);
      expect(one.randomBoxes).not.toEqual(other.randomBoxes);
      for (const { top, left, bottom, right } of one.randomBoxes.flat(2)) {
        expect([bottom - top, right - left]).toEqual([2, 2]);
        expect(Math.min(top, left)).toBeGreaterThanOrEqual(0);
        expect(Math.max(bottom, right)).toBeLessThanOrEqual(4);
      }
    });

    it('refuses one picture alone', async () => {
      const alone = { ...request, images: images.subarray(0, 16), boxes: request.boxes.slice(0, 1) };
      await expect(measureCorrespondence(alone)).rejects.toThrow(/got 1 pictures.*at least two pictures/);
    });
  });
}

describe('boxes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-boxes-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const nose = { left: 10, top: 20, width: 30, height: 40 };
  const read = (content: unknown) => {
    const path = join(folder, 'boxes.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return readBoxes(path);
  };
  const two = (a: unknown, b: unknown) => ({
    pictures: [
      { image: 'a.png', parts: a },
      { image: 'b.png', parts: b },
    ],
  });

  it('are read with their pictures, relative to the file', () => {
    const { parts, pictures } = read(two({ nose }, { nose }));
    expect(parts).toEqual(['nose']);
    expect(pictures[1]).toEqual({
      file: join(folder, 'b.png'),
      boxes: [{ top: 20, left: 10, bottom: 60, right: 40 }],
    });
  });

  it.each([
    ['{', /Cannot read boxes from .*boxes\.json/],
    [{ pictures: [] }, /lists 0 pictures.*at least two/],
    [{ dogs: [] }, /lists no pictures/],
    [two({}, {}), /the first picture has no parts/],
    [two({ nose }, {}), /b\.png has no box for 'nose'/],
    [two({ nose }, { nose, ear: nose }), /b\.png has the part 'ear'/],
    [two({ nose }, { nose: { ...nose, width: 0 } }), /box of 'nose' in b\.png is .*the sides at least 1/],
    [two({ nose }, { nose: [1, 2, 3, 4] }), /b\.png has no box for 'nose'/],
    [{ pictures: [{ image: 'a.png', parts: { nose } }, { parts: { nose } }] }, /picture 2 lacks "image"/],
  ])('are refused: %j', (content, message) => {
    expect(() => read(content)).toThrow(message);
  });

  it('become px of the network by scale, crop and padding', () => {
    const way: Preprocessing = { ...preprocessing, height: 224, width: 224, resize: 256, pad: 2 };
    // 512x1024 shrinks by 2 to 256x512; the centre begins at row 16 and column 144.
    const box = { top: 100, left: 400, bottom: 200, right: 500 };
    const size = { height: 512, width: 1024 };
    expect(boxInInput(box, size, way, 'x')).toEqual({ top: 36, left: 58, bottom: 86, right: 108 });
    expect(() => boxInInput({ ...box, right: 1025 }, size, way, "'nose' in a.png")).toThrow(
      "The box of 'nose' in a.png lies outside the picture: rows 100 to 200, columns 400 to 1025, the picture has 512x1024 px.",
    );
    expect(() => boxInInput({ ...box, top: -1 }, size, way, 'x')).toThrow(/outside the picture/);
    expect(() => boxInInput({ ...box, left: 200 }, size, way, "'nose' in a.png")).toThrow(
      /'nose' in a\.png lies outside the part of the picture that the network sees.*rows 32 to 480, columns 288 to 736/,
    );
  });
});
