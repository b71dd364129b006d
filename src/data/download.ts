// Fetching one file over HTTP: resumable, verified, and in its place only when whole. The bytes gather in
// DESTINATION.part; DESTINATION.part.json remembers which version of the file they belong to (RFC 9110, If-Range), so
// that a changed file is never glued to the beginning of an older one.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { makeFolder, reason } from '../files.ts';

export interface DownloadProgress {
  /** Bytes on disk so far, those of an earlier attempt included. */
  readonly received: number;
  /** Bytes of the whole file; undefined while the server has not said. */
  readonly total: number | undefined;
}

export interface DownloadOptions {
  /** Published checksums, hexadecimal. Without one, only a file whose server names its version is resumed. */
  readonly sha256?: string;
  /** The first digits of the SHA-256, as PyTorch's file names carry them. */
  readonly sha256Prefix?: string;
  readonly md5?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  /** Times a cut or stalled connection is taken up again; default 4. */
  readonly retries?: number;
  /** Wait before the first of them, ms, doubled each time; default 500. */
  readonly retryDelayMs?: number;
  /** A connection that brings nothing for so long is given up, ms; default 60 s. */
  readonly stallMs?: number;
}

/**
 * Fetches `url` to `destination`, which appears only when it is complete and its checksum is right.
 * Fails with a UserError: refused by the server, cut too often, no network, wrong checksum, cannot write.
 * What has arrived stays in `destination`.part for the next attempt, unless its checksum is wrong.
 */
export async function download(
  url: string,
  destination: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { retries = 4, retryDelayMs = 500, signal } = options;
  const part = `${destination}.part`;
  const resumed = await attempt(() => prepare(destination, part), destination);
  let reached = false;
  for (let failures = 0; ; failures++) {
    const before = await sizeOf(part);
    try {
      await fetchRest(url, part, options);
      break;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof UserError) throw error;
      // A connection that brought something has earned its retries anew.
      if ((await sizeOf(part)) > before) {
        failures = 0;
        reached = true;
      }
      if (failures >= retries || (!reached && unreachable.has(codeOf(error)))) {
        throw new UserError(`Cannot download ${url}: ${networkReason(error)}.`, { cause: error });
      }
      await sleep(retryDelayMs * 2 ** failures, undefined, { signal });
    }
  }
  try {
    await verify(part, url, options);
  } catch (error) {
    await forget(part);
    // The beginning came from an earlier run: it may be at fault, so the whole file gets one more chance.
    if (resumed && error instanceof UserError) return download(url, destination, options);
    throw error;
  }
  await attempt(() => rename(part, destination), destination);
  await forget(part);
}

/** Makes the folder; true when there is something to take up again. */
async function prepare(destination: string, part: string): Promise<boolean> {
  makeFolder(dirname(destination));
  return (await sizeOf(part)) > 0;
}

/** One request for what `part` lacks. Throws a plain Error where another request may help. */
async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { onProgress, signal, stallMs = 60_000 } = options;
  const stalled = new AbortController();
  const stall = () => stalled.abort(new Error(`nothing arrived for ${stallMs / 1000} s`));
  let timer = setTimeout(stall, stallMs);
  const request = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  try {
    let received = await sizeOf(part);
    const version = received > 0 ? await readVersion(part, url) : undefined;
    const verifiable = [options.sha256, options.sha256Prefix, options.md5].some((sum) => sum !== undefined);
    if (version === undefined && !verifiable) received = 0;
    // Compressed in transit, the ranges would count other bytes than the file's.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (received > 0) headers.range = `bytes=${received}-`;
    if (received > 0 && version !== undefined) headers['if-range'] = version;
    const response = await fetch(url, { headers, signal: request });
    if (response.status === 416 && received > 0) {
      await response.body?.cancel();
      if (rangeOf(response)?.total === received) return;
      await forget(part);
      throw new Error('the server has another file than the one begun');
    }
    if (response.status >= 500 || response.status === 408 || response.status === 429) {
      await response.body?.cancel();
      throw new Error(`the server answered ${response.status} ${response.statusText}`);
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new UserError(
        `Cannot download ${url}: the server answered ${response.status} ${response.statusText}.`,
      );
    }
    const range = response.status === 206 ? rangeOf(response) : undefined;
    if (response.status === 206 && range?.start !== received) {
      await response.body.cancel();
      await forget(part);
      throw new Error('the server sent another part than the one asked for');
    }
    if (response.status !== 206) received = 0;
    const length = response.headers.get('content-length');
    const total = range?.total ?? (length === null ? undefined : received + Number(length));
    await attempt(() => writeVersion(part, url, response.headers), part);
    const file = await attempt(() => open(part, received === 0 ? 'w' : 'a'), part);
    try {
      onProgress?.({ received, total });
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = setTimeout(stall, stallMs);
        await attempt(() => file.writeFile(chunk), part);
        received += chunk.length;
        onProgress?.({ received, total });
      }
      if (total !== undefined && received !== total) {
        throw new Error(`the connection ended after ${received} of ${total} bytes`);
      }
      await attempt(() => flush(file), part);
    } finally {
      await file.close();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Devices cannot be flushed (EINVAL), and need not. */
async function flush(file: { sync(): Promise<void> }): Promise<void> {
  await file.sync().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EINVAL') throw error;
  });
}

async function verify(part: string, url: string, options: DownloadOptions): Promise<void> {
  const checks = [
    ['sha256', options.sha256],
    ['sha256', options.sha256Prefix],
    ['md5', options.md5],
  ] as const;
  for (const [algorithm, expected] of checks) {
    if (expected === undefined) continue;
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(part)) hash.update(chunk as Uint8Array);
    const got = hash.digest('hex');
    const isPrefix = expected === options.sha256Prefix;
    if ((isPrefix ? got.slice(0, expected.length) : got) !== expected.toLowerCase()) {
      const wanted = isPrefix ? `${expected}... at its beginning` : expected;
      throw new UserError(
        `${url} has a wrong checksum: ${algorithm} ${got}, expected ${wanted}. The download was discarded; ` +
          'try again, or get the file elsewhere.',
      );
    }
  }
}

/** The numbers of Content-Range: the first byte of the part, and the bytes of the whole. */
function rangeOf(response: Response): { start?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  const [, start, total] = match;
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === undefined || total === '*' ? undefined : Number(total),
  };
}

/** The mark of the version that `part` belongs to: a strong ETag, else the date of its last change. */
async function readVersion(part: string, url: string): Promise<string | undefined> {
  try {
    const saved = JSON.parse(await readFile(`${part}.json`, 'utf8')) as { url?: unknown; version?: unknown };
    return saved.url === url && typeof saved.version === 'string' ? saved.version : undefined;
  } catch {
    return undefined;
  }
}

async function writeVersion(part: string, url: string, headers: Headers): Promise<void> {
  const etag = headers.get('etag');
  const version = etag?.startsWith('"') ? etag : (headers.get('last-modified') ?? undefined);
  if (version === undefined) await rm(`${part}.json`, { force: true });
  else await writeFile(`${part}.json`, JSON.stringify({ url, version }));
}

async function forget(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (status) => status.size,
    () => 0,
  );
}

/** Runs a file operation; its failure becomes a sentence about `path`. */
async function attempt<T>(operation: () => Promise<T>, path: string): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
  }
}

const networkReasons: Record<string, string> = {
  ENOTFOUND: 'the name of the server cannot be resolved (no network?)',
  EAI_AGAIN: 'the name of the server cannot be resolved (no network?)',
  ECONNREFUSED: 'the server refused the connection',
  ENETUNREACH: 'there is no network',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
};

/** Reasons to give up at once when nothing has come yet: waiting a moment does not bring a network. */
const unreachable = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH']);

/** fetch wraps the system's error, sometimes twice; the innermost one tells what happened. */
function innermost(error: unknown): unknown {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  return inner;
}

function codeOf(error: unknown): string {
  return (innermost(error) as NodeJS.ErrnoException | undefined)?.code ?? '';
}

function networkReason(error: unknown): string {
  const inner = innermost(error);
  return networkReasons[codeOf(error)] ?? (inner instanceof Error ? inner.message : String(inner));
}
