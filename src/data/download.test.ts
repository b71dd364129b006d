import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download } from './download.ts';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 7919) >> 3));
const sha256 = createHash('sha256').update(content).digest('hex');
const md5 = createHash('md5').update(content).digest('hex');

let folder: string;
let destination: string;
let server: Server;
let address: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: { url?: string; range?: string; ifRange?: string | string[] }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'laurel-download-'));
  destination = join(folder, 'below', 'file');
  requests = [];
  server = createServer((request, response) => {
    requests.push({ url: request.url, range: request.headers.range, ifRange: request.headers['if-range'] });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

interface Behaviour {
  body?: Buffer;
  etag?: string;
  ranges?: boolean;
  /** Bytes after which the connection is cut, one for each request; later ones are whole. */
  cuts?: number[];
}

/** A server as RFC 9110 wants it: ranges, If-Range; and cables that break. */
function serve({ body = content, etag = '"v1"', ranges = true, cuts = [] }: Behaviour) {
  const left = [...cuts];
  return (request: IncomingMessage, response: ServerResponse) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const condition = request.headers['if-range'];
    const partial = ranges && start > 0 && (condition === undefined || condition === etag);
    if (etag !== '') response.setHeader('etag', etag);
    if (partial && start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    const sent = partial ? body.subarray(start) : body;
    if (partial) response.setHeader('content-range', `bytes ${start}-${body.length - 1}/${body.length}`);
    response.writeHead(partial ? 206 : 200, { 'content-length': sent.length });
    const cut = left.shift();
    if (cut === undefined) response.end(sent);
    else {
      response.write(sent.subarray(0, cut));
      void arrival(partial ? start + cut : cut).then(() => response.destroy());
    }
  };
}

/** What comes before the end of a connection may be lost where it is read after it: the cut waits until it is on disk. */
async function arrival(bytes: number): Promise<void> {
  const size = (): number => statSync(`${destination}.part`, { throwIfNoEntry: false })?.size ?? 0;
  do await sleep(20);
  while (size() < bytes);
}

const quick = { retryDelayMs: 1 };

async function expectWhole(): Promise<void> {
  expect((await readFile(destination)).equals(content)).toBe(true);
  expect(existsSync(`${destination}.part`)).toBe(false);
  expect(existsSync(`${destination}.part.json`)).toBe(false);
}

describe('download', () => {
  it('fetches, verifies, reports and moves into place', async () => {
    answer = serve({});
    const progress: { received: number; total: number | undefined }[] = [];
    await download(address, destination, {
      sha256,
      md5: md5.toUpperCase(),
      onProgress: (step) => progress.push(step),
    });
    await expectWhole();
    expect(progress[0]).toEqual({ received: 0, total: content.length });
    expect(progress.at(-1)).toEqual({ received: content.length, total: content.length });
  });

  it('follows redirects', async () => {
    const whole = serve({});
    answer = (request, response) => {
      if (request.url === '/file') response.writeHead(302, { location: '/elsewhere' }).end();
      else whole(request, response);
    };
    await download(address, destination, { sha256 });
    await expectWhole();
    expect(requests.map(({ url }) => url)).toEqual(['/file', '/elsewhere']);
  });

  it('goes on after a cut connection with what is missing', async () => {
    answer = serve({ cuts: [30_000, 20_000] });
    await download(address, destination, { sha256, ...quick });
    await expectWhole();
    expect(requests).toEqual([
      { url: '/file', range: undefined, ifRange: undefined },
      { url: '/file', range: 'bytes=30000-', ifRange: '"v1"' },
      { url: '/file', range: 'bytes=50000-', ifRange: '"v1"' },
    ]);
  });

  it('keeps what came when it gives up, and takes it up in a later run', async () => {
    answer = serve({ cuts: [30_000, 0, 0] });
    await expect(download(address, destination, { sha256, retries: 1, ...quick })).rejects.toThrow(
      /Cannot download http:.*: the connection was cut/,
    );
    expect(existsSync(destination)).toBe(false);
    answer = serve({});
    await download(address, destination, { sha256 });
    await expectWhole();
    expect(requests.at(-1)).toMatchObject({ range: 'bytes=30000-', ifRange: '"v1"' });
  });

  it('starts anew when the file has changed meanwhile', async () => {
    answer = serve({ body: Buffer.alloc(100_000, 1), cuts: [30_000, 0] });
    await expect(download(address, destination, { retries: 0 })).rejects.toThrow(/cut/);
    answer = serve({ etag: '"v2"' });
    await download(address, destination);
    await expectWhole();
    expect(requests.at(-1)).toMatchObject({ range: 'bytes=30000-', ifRange: '"v1"' });
  });

  it('starts anew where the server knows no ranges', async () => {
    answer = serve({ ranges: false, cuts: [30_000] });
    await download(address, destination, { sha256, ...quick });
    await expectWhole();
    expect(requests).toHaveLength(2);
  });

  it('resumes without a version only when a checksum will tell', async () => {
    answer = serve({ etag: '', cuts: [30_000] });
    await download(address, destination, { sha256, ...quick });
    await expectWhole();
    expect(requests.at(-1)?.range).toBe('bytes=30000-');
    answer = serve({ etag: '', cuts: [30_000] });
    await download(address, destination, quick);
    await expectWhole();
    expect(requests.at(-1)?.range).toBeUndefined();
  });

  it('takes a part that was whole already', async () => {
    answer = serve({ cuts: [30_000, 0] });
    await expect(download(address, destination, { sha256, retries: 0 })).rejects.toThrow(/cut/);
    await writeFile(`${destination}.part`, content);
    await download(address, destination, { sha256 });
    await expectWhole();
  });

  it('discards a part that is longer than the file', async () => {
    answer = serve({ cuts: [30_000, 0] });
    await expect(download(address, destination, { sha256, retries: 0 })).rejects.toThrow(/cut/);
    await writeFile(`${destination}.part`, Buffer.concat([content, content]));
    await download(address, destination, { sha256, ...quick });
    await expectWhole();
  });

  it('refuses a wrong checksum and leaves nothing', async () => {
    answer = serve({ body: content.with(500, 1) as Buffer });
    for (const [name, checksum] of [
      ['sha256', { sha256 }],
      ['md5', { md5 }],
    ] as const) {
      const failure = expect(download(address, destination, checksum)).rejects;
      await failure.toThrow(
        new RegExp(`wrong checksum: ${name} [0-9a-f]+, expected ${checksum[name as never]}`),
      );
      await failure.toMatchObject({ name: 'UserError', exitCode: 1 });
      expect(existsSync(destination)).toBe(false);
      expect(existsSync(`${destination}.part`)).toBe(false);
    }
    expect(requests).toHaveLength(2);
  });

  it('fetches all again when the beginning from an earlier run was at fault', async () => {
    answer = serve({ cuts: [30_000] });
    await expect(download(address, destination, { sha256, retries: 0 })).rejects.toThrow(/cut/);
    await writeFile(`${destination}.part`, Buffer.alloc(30_000));
    await download(address, destination, { sha256 });
    await expectWhole();
    expect(requests.map(({ range }) => range)).toEqual([undefined, 'bytes=30000-', undefined]);
  });

  it('says what the server answered when the file is not there, without asking again', async () => {
    answer = (_, response) => response.writeHead(404).end('gone');
    await expect(download(address, destination, quick)).rejects.toThrow(
      `${address}: the server answered 404 Not Found`,
    );
    expect(requests).toHaveLength(1);
    expect(existsSync(destination)).toBe(false);
  });

  it('asks again when the server is overloaded', async () => {
    const whole = serve({});
    answer = (request, response) => {
      if (requests.length < 3) response.writeHead(503).end();
      else whole(request, response);
    };
    await download(address, destination, { sha256, ...quick });
    await expectWhole();
  });

  it('gives up a connection that brings nothing', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('abc');
    };
    await expect(download(address, destination, { retries: 0, stallMs: 50 })).rejects.toThrow(
      /nothing arrived for 0.05 s/,
    );
  });

  it('says at once that nobody is there', async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(download(`http://127.0.0.1:${port}/`, destination)).rejects.toThrow(
      /refused the connection/,
    );
    server.listen(0);
  });

  it('stops when it is told to, and can go on later', async () => {
    const stop = new AbortController();
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': content.length, etag: '"v1"' });
      response.write(content.subarray(0, 30_000));
    };
    const onProgress = ({ received }: { received: number }) => {
      if (received === 30_000) stop.abort(new Error('enough'));
    };
    await expect(download(address, destination, { signal: stop.signal, onProgress })).rejects.toThrow(
      'enough',
    );
    expect(existsSync(destination)).toBe(false);
    answer = serve({});
    await download(address, destination, { sha256 });
    await expectWhole();
    expect(requests.at(-1)?.range).toBe('bytes=30000-');
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full, and does not ask again', async () => {
    answer = serve({});
    destination = join(folder, 'file');
    await symlink('/dev/full', `${destination}.part`);
    await expect(download(address, destination, { sha256, ...quick })).rejects.toThrow(
      `Cannot write ${destination}.part: the disk is full. Free some space or choose another place.`,
    );
    expect(requests).toHaveLength(1);
    expect(existsSync(destination)).toBe(false);
  });

  it('says that it cannot write where a file is in the way', async () => {
    answer = serve({});
    await writeFile(join(folder, 'below'), '');
    await expect(download(address, destination)).rejects.toThrow(
      /Cannot write to .*below: a part of the path is a file/,
    );
  });
});
