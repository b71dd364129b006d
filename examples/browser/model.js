// A network from an ONNX file: what it is called, what it wants to see, and its answers. The runtime stands in
// `dist/onnxruntime.js` as text, because a page that was opened from a folder may fetch nothing.
(() => {
  let prepared;

  /** Unpacks onnxruntime-web's WebAssembly, once. */
  function prepareRuntime() {
    prepared ??= (async () => {
      const { ort, onnxruntimeFiles } = globalThis;
      if (ort === undefined || onnxruntimeFiles === undefined) {
        throw new Error(
          'The runtime is missing. Run `npm run example:browser` once, then load this page again.',
        );
      }
      const packed = Uint8Array.from(atob(onnxruntimeFiles.wasm), (letter) => letter.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
      ort.env.wasm.wasmBinary = await new Response(stream).arrayBuffer();
      const script = new Blob([onnxruntimeFiles.module], { type: 'text/javascript' });
      ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(script) };
      // More threads need headers that a plain file server does not send.
      ort.env.wasm.numThreads = 1;
      return ort;
    })();
    return prepared;
  }

  const again = 'Export it again: laurel export NET --weights FILE --with-preprocessing --out net.onnx';

  /**
   * Loads a network from the bytes of the file `name`. Throws an Error with a sentence for the user. The result:
   * `{ title, details, height, width, channels, resize, interpolation, classify(pixels) }`, where `classify` takes
   * the bytes of an HxWxC picture and gives `[{ name, index, probability }]`, most probable first.
   */
  globalThis.loadModel = async (bytes, name) => {
    const ort = await prepareRuntime();
    let metadata;
    try {
      metadata = globalThis.readOnnxMetadata(bytes).entries;
    } catch (error) {
      throw new Error(`${name} is not an ONNX file: ${error.message}.`);
    }
    let session;
    try {
      session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    } catch (error) {
      throw new Error(`${name} cannot be loaded: ${String(error.message ?? error).split('\n')[0]}`);
    }
    const input = session.inputMetadata[0];
    if (session.inputNames.length !== 1 || input?.type !== 'uint8' || input.shape.length !== 4) {
      await session.release();
      throw new Error(`${name} does not take the pixels of a picture. ${again}`);
    }
    const [batch, height, width, channels] = input.shape;
    if (typeof batch === 'number' && batch !== 1) {
      await session.release();
      throw new Error(`${name} takes ${batch} pictures at a time; this page has one. ${again}`);
    }
    const classes = readClasses(metadata.classes);
    const form = metadata.form === undefined ? '' : `form ${metadata.form}, `;
    return {
      title: metadata.network ?? name,
      details: `${form}${classes === undefined ? '' : `${classes.length} classes, `}${width}x${height} pixels, ${name}`,
      height,
      width,
      channels,
      resize: Number(metadata.resize) || undefined,
      interpolation: metadata.interpolation ?? 'bilinear',
      async classify(pixels) {
        const images = new ort.Tensor('uint8', pixels, [1, height, width, channels]);
        const results = await session.run({ [session.inputNames[0]]: images });
        const probabilities = results[session.outputNames[0]].data;
        return Array.from(probabilities, (probability, index) => ({
          name: classes?.[index] ?? `class ${index}`,
          index,
          probability,
        })).sort((a, b) => b.probability - a.probability || a.index - b.index);
      },
      release: () => session.release(),
    };
  };

  function readClasses(text) {
    try {
      const list = JSON.parse(text);
      return Array.isArray(list) ? list.map(String) : undefined;
    } catch {
      return undefined;
    }
  }
})();
