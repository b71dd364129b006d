// Pulling from a server on this machine that stands in for the official addresses; no other server is asked.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { laurel } from '../../test/cli.ts';
import { UserError } from '../errors.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import type { PublishedWeights } from '../weights/published.ts';
import { writePytorch } from '../weights/pytorch-write.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import { openModel } from './model.ts';
import { decodeModelInfo } from './preprocessing.ts';
import { pullWeights, weightsFolder } from './pull.ts';

const folder = mkdtempSync(join(tmpdir(), 'laurel-pull-'));
let server: Server;
let home: string;
let checkpoint: Buffer;
const requests: string[] = [];
/** Set: the next whole answer stops half way, and this cuts its connection. */
let cut: 'next' | (() => void) | undefined;

/** ResNet-18's checkpoint as torchvision has it, with the counters that PyTorch keeps and we do not. */
function resnet18(): Buffer {
  const { states } = buildNetwork(findNetwork('resnet18')).graph;
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape }] of states) {
    tensors.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(name.length) });
    if (name.endsWith('running_var')) {
      tensors.set(name.replace('running_var', 'num_batches_tracked'), {
        shape: [],
        data: Float32Array.of(5),
      });
    }
  }
  const path = join(folder, 'made.pth');
  writePytorch(path, tensors);
  return readFileSync(path);
}

// The real file's digits cannot be had without the real file: resnet18's entry gets those of the one made here.
vi.mock('../weights/published.ts', async (original) => {
  const real = await original<typeof import('../weights/published.ts')>();
  return { ...real, publishedWeights: real.publishedWeights.map((each) => ({ ...each })) };
});

beforeAll(async () => {
  checkpoint = resnet18();
  const { publishedWeights } = await import('../weights/published.ts');
  const entry = publishedWeights.find(({ network }) => network === 'resnet18') as {
    -readonly [K in keyof PublishedWeights]: PublishedWeights[K];
  };
  entry.sha256Prefix = createHash('sha256').update(checkpoint).digest('hex').slice(0, 8);
  server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': checkpoint.length - start,
      etag: '"1"',
      ...(start > 0 && { 'content-range': `bytes ${start}-${checkpoint.length - 1}/${checkpoint.length}` }),
    });
    if (cut === 'next' && start === 0) {
      cut = () => response.destroy();
      response.write(checkpoint.subarray(0, checkpoint.length / 2));
    } else {
      response.end(checkpoint.subarray(start));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  home = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  requests.length = 0;
});

describe('pullWeights', () => {
  it('fetches, verifies, converts, and says how pictures are prepared', async () => {
    const out = join(folder, 'a', 'resnet18.safetensors');
    const seen: number[] = [];
    const pulled = await pullWeights('resnet18', {
      home,
      out,
      onProgress: ({ received }) => seen.push(received),
    });
    expect(pulled).toMatchObject({
      network: 'resnet18',
      path: out,
      fetched: true,
      source: 'torchvision, IMAGENET1K_V1',
    });
    expect(requests).toEqual(['/models/resnet18-f37072fd.pth']);
    expect(seen.at(-1)).toBe(checkpoint.length);
    expect(readdirSync(join(folder, 'a'))).toEqual(['resnet18.safetensors']);

    const { tensors, metadata } = readSafetensors(out);
    expect([...tensors.keys()]).toEqual([...buildNetwork(findNetwork('resnet18')).graph.states.keys()]);
    expect(tensors.get('fc.bias')?.data[0]).toBe('fc.bias'.length);
    const info = decodeModelInfo(metadata);
    expect(info).toMatchObject({ network: 'resnet18', form: 'imagenet', dataset: 'imagenet' });
    expect(info?.classes).toHaveLength(1000);
    expect(info?.preprocessing).toMatchObject({
      resize: 256,
      height: 224,
      interpolation: 'bilinear',
      normalise: { mean: [0.485, 0.456, 0.406] },
    });
    expect(openModel({ weights: out })).toMatchObject({ form: 'imagenet', notes: [] });

    requests.length = 0;
    expect(await pullWeights('resnet18', { home, out })).toMatchObject({ fetched: false, path: out });
    expect(requests).toEqual([]);
  });

  it('goes on where a connection was cut', async () => {
    cut = 'next';
    const out = join(folder, 'b.safetensors');
    const onProgress = ({ received }: { received: number }): void => {
      // What has arrived is on the disk when it is reported.
      if (received > 0 && typeof cut === 'function') cut();
    };
    await pullWeights('resnet18', { home, out, onProgress, retryDelayMs: 1 });
    expect(requests[0]).toBe('/models/resnet18-f37072fd.pth');
    expect(requests[1]).toMatch(/bytes=[1-9]\d*-$/);
    expect(readSafetensors(out).tensors.size).toBe(102);
  });

  it('refuses a file whose checksum does not begin as published', async () => {
    const out = join(folder, 'c.safetensors');
    const act = pullWeights('resnet34', { home, out, retryDelayMs: 1 });
    await expect(act).rejects.toThrow(UserError);
    await expect(act).rejects.toThrow(
      /wrong checksum: sha256 [0-9a-f]{64}, expected b627a593\.\.\. at its beginning/,
    );
    expect(existsSync(out)).toBe(false);
    expect(existsSync(join(folder, 'resnet34-b627a593.pth'))).toBe(false);
  });

  it('names what there is when a network has no published weights', async () => {
    await expect(pullWeights('zfnet')).rejects.toThrow(
      'No published weights of zfnet are known. `laurel pull` without a name lists',
    );
    await expect(pullWeights('resnet5O')).rejects.toThrow("no network named 'resnet5O'. Did you mean");
  });

  it("keeps weights in the user's cache folder", () => {
    const home = join(folder, 'cache');
    expect(weightsFolder({ XDG_CACHE_HOME: home, LOCALAPPDATA: home })).toMatch(/laurel.weights$|Caches/);
  });
});

describe('laurel pull', () => {
  it('lists what there is without a network', async () => {
    const { code, stdout } = await laurel(['pull', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).published).toContainEqual(
      expect.objectContaining({ file: 'resnet50-0676ba61.pth' }),
    );
  });

  it('asks the mirror that $LAUREL_WEIGHTS_HOME names, and reports a wrong file', async () => {
    const out = join(folder, 'd.safetensors');
    writeFileSync(join(folder, 'unrelated'), '');
    const { code, stderr } = await laurel(['pull', 'vgg11', '--out', out], {
      env: { LAUREL_WEIGHTS_HOME: home },
    });
    expect(requests).toContain('/models/vgg11-8a719046.pth');
    expect(stderr).toContain('expected 8a719046...');
    expect(code).toBe(1);
  });
});
