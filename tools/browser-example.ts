// Makes examples/browser ready: puts onnxruntime-web and Laurel's resampling beside the page as plain scripts. The
// runtime's WebAssembly goes in as text, because a page that is opened from a folder may fetch nothing.
//
//   npm run example:browser     then open examples/browser/index.html
import { readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { writeFileAtomic } from '../src/files.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Writes what the page needs into `folder`, the page's own `dist` by default. */
export function prepareBrowserExample(folder = join(checkout, 'examples/browser/dist')): void {
  const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
  const read = (file: string): Buffer => readFileSync(join(runtime, file));
  const files = {
    module: read('ort-wasm-simd-threaded.mjs').toString(),
    wasm: gzipSync(read('ort-wasm-simd-threaded.wasm')).toString('base64'),
  };
  writeFileAtomic(
    join(folder, 'onnxruntime.js'),
    read('ort.wasm.min.js'),
    `\nglobalThis.onnxruntimeFiles = ${JSON.stringify(files)};\n`,
  );
  const source = stripTypeScriptTypes(readFileSync(join(checkout, 'src/data/resample.ts'), 'utf8'));
  const script = source.replaceAll(/^export /gm, '');
  writeFileAtomic(
    join(folder, 'resample.js'),
    `(() => {\n${script}\nglobalThis.resample = resample;\n})();\n`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  prepareBrowserExample();
  console.log(`Open ${pathToFileURL(join(checkout, 'examples/browser/index.html')).href}`);
}
