import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type KnownDataset, knownDataset } from './known.ts';
import { missingMessage, obtain, obtainOrExplain } from './obtain.ts';

let root: string;
let home: string;
let server: Server;
let served: Record<string, Buffer>;
let asked: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'laurel-obtain-'));
  vi.stubEnv('LAUREL_DATA', join(root, 'data'));
  served = {};
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const body = served[request.url ?? ''];
    if (body === undefined) response.writeHead(404).end();
    else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => server.close(resolve));
  await rm(root, { recursive: true });
});

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');

function variant(name: string, changes: Partial<KnownDataset>): KnownDataset {
  return { ...(knownDataset(name) as KnownDataset), ...changes };
}

/** An archive like the official one of CIFAR-100, with small files. */
async function packed(): Promise<KnownDataset> {
  await mkdir(join(root, 'cifar-100-binary'));
  for (const name of ['train.bin', 'test.bin', 'fine_label_names.txt']) {
    await writeFile(join(root, 'cifar-100-binary', name), name.repeat(1000));
  }
  execFileSync('tar', ['--format=ustar', '-czf', join(root, 'a.tar.gz'), '-C', root, 'cifar-100-binary']);
  const archive = readFileSync(join(root, 'a.tar.gz'));
  served['/a.tar.gz'] = archive;
  return variant('cifar-100', { homes: [`${home}/`], downloads: [{ file: 'a.tar.gz', md5: md5(archive) }] });
}

describe('obtain', () => {
  it('downloads, unpacks and leaves only the files themselves', async () => {
    const known = await packed();
    const progress: unknown[] = [];
    const folder = await obtainOrExplain(known, { onProgress: (step) => progress.push(step) });
    expect(folder).toBe(join(root, 'data', 'cifar-100'));
    expect((await readdir(folder)).sort()).toEqual(['test.bin', 'train.bin']);
    expect(await readFile(join(folder, 'test.bin'), 'utf8')).toBe('test.bin'.repeat(1000));
    const size = served['/a.tar.gz']?.length;
    expect(progress.at(-1)).toEqual({ file: 'a.tar.gz', received: size, total: size });
    await obtain(known, folder);
    expect(asked).toEqual(['/a.tar.gz']);
  });

  it('fetches the single files of idx sets, and only those that are missing', async () => {
    const files = ['train-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'];
    for (const file of files) served[`/${file}`] = Buffer.from(file);
    const downloads = files.map((file) => ({ file, md5: md5(Buffer.from(file)) }));
    const known = variant('mnist', { homes: [`${home}/`], downloads });
    await mkdir(join(root, 'here'));
    await writeFile(join(root, 'here', files[0] as string), 'already');
    await obtain(known, join(root, 'here'));
    expect(asked).toEqual([`/${files[1]}`]);
    expect((await readdir(join(root, 'here'))).sort()).toEqual([...files].sort());
  });

  it('tries the next home when one has not got the file', async () => {
    const file = 'x-idx1-ubyte.gz';
    served[`/b/${file}`] = Buffer.from('x');
    const downloads = [{ file, md5: md5(Buffer.from('x')) }];
    await obtain(variant('mnist', { homes: [`${home}/a/`, `${home}/b/`], downloads }), join(root, 'here'));
    expect(asked).toEqual([`/a/${file}`, `/b/${file}`]);
    expect(existsSync(join(root, 'here', file))).toBe(true);
  });

  it('explains a wrong checksum and what to do, and leaves nothing', async () => {
    const known = await packed();
    served['/a.tar.gz'] = Buffer.from('something else');
    const failure = expect(obtainOrExplain(known, {})).rejects;
    await failure.toThrow(/wrong checksum: md5 .*expected/);
    await failure.toThrow(/By hand: get the files below, unpack train.bin, test.bin and put them into/);
    expect(await readdir(join(root, 'data', 'cifar-100'))).toEqual([]);
  });

  it('explains what the server answered when the file has gone', async () => {
    const known = await packed();
    served = {};
    await expect(obtainOrExplain(known, {})).rejects.toThrow(
      /CIFAR-100 is not on this machine .*\n?.*404 Not Found/,
    );
  });

  it('leaves no half-unpacked files of a damaged archive', async () => {
    const known = await packed();
    const broken = (served['/a.tar.gz'] as Buffer).subarray(0, 200);
    served['/a.tar.gz'] = broken;
    const damaged = { ...known, downloads: [{ file: 'a.tar.gz', md5: md5(broken) }] };
    await expect(obtain(damaged, join(root, 'here'))).rejects.toThrow(/truncated or damaged/);
    expect(await readdir(join(root, 'here'))).toEqual(['a.tar.gz']);
  });

  it('says that the folder cannot be written', async () => {
    await writeFile(join(root, 'data'), 'a file in the way');
    await expect(obtainOrExplain(await packed(), {})).rejects.toThrow(/Cannot write .*data.cifar-100/);
    expect(asked).toEqual([]);
  });
});

describe('missingMessage', () => {
  it('names the package of Debian where there is one', () => {
    const line = /On Debian: sudo apt install dataset-fashion-mnist/;
    const text = missingMessage(knownDataset('fashion-mnist') as KnownDataset, '');
    if (process.platform === 'linux') expect(text).toMatch(line);
    else expect(text).not.toMatch(line);
    expect(missingMessage(knownDataset('mnist') as KnownDataset, '')).not.toContain('apt');
  });
});
