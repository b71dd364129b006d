// The page itself: files come in by drop, by button or by paste, a network goes to `model.js`, a picture to
// `picture.js`, and whenever both are there the answer is shown. `?model=URL` loads a network from beside the page.
(() => {
  const shown = 5;
  const element = (id) => document.getElementById(id);
  let model;
  let picture;
  const errors = { model: '', picture: '' };
  /** What was asked for is done one after the other, so that a picture may come while a network is loading. */
  let queue = Promise.resolve();

  function showErrors() {
    const sentences = Object.values(errors).filter((sentence) => sentence !== '');
    element('error').textContent = sentences.join(' ');
    element('error').hidden = sentences.length === 0;
  }

  /** Does `work` when its turn has come; what it throws is shown until the next file of its kind. */
  function enqueue(kind, sentence, work) {
    errors[kind] = '';
    showErrors();
    element('top').replaceChildren();
    queue = queue.then(async () => {
      try {
        await say(sentence);
        await work();
        await answer();
      } catch (error) {
        errors[kind] = error.message;
        element('status').textContent = '';
        showErrors();
      }
    });
  }

  /** Shows a sentence, and lets the page be painted before work takes the thread. */
  function say(sentence) {
    element('status').textContent = sentence;
    return new Promise((resolve) => setTimeout(resolve, 20));
  }

  const openModel = (name, read) =>
    enqueue('model', `Loading ${name} ...`, async () => {
      const loaded = await globalThis.loadModel(await read(), name);
      await model?.release();
      model = loaded;
      element('model-name').textContent = loaded.title;
      element('model-details').textContent = loaded.details;
    });

  const openPicture = (file) =>
    enqueue('picture', `Reading ${file.name} ...`, async () => {
      picture = await globalThis.decodePicture(file);
      draw(picture);
      element('canvas').setAttribute('aria-label', `The picture ${file.name}`);
    });

  function draw(decoded) {
    const canvas = element('canvas');
    canvas.width = decoded.width;
    canvas.height = decoded.height;
    canvas.getContext('2d').putImageData(decoded, 0, 0);
    canvas.hidden = false;
    element('stage').classList.add('filled');
  }

  async function answer() {
    if (model === undefined) await say('Open a network to get an answer.');
    else if (picture === undefined) await say('Drop a picture to get an answer.');
    else {
      await say('Looking ...');
      const start = performance.now();
      const top = await model.classify(globalThis.cropFor(picture, model));
      const ms = performance.now() - start;
      element('top').replaceChildren(...top.slice(0, shown).map(line));
      element('status').textContent = `${model.title}, ${Math.round(ms)} ms`;
    }
  }

  function line({ name, index, probability }) {
    const percent = `${(100 * probability).toFixed(1)} %`;
    const item = document.createElement('li');
    item.dataset.index = index;
    item.dataset.probability = probability;
    const bar = document.createElement('div');
    bar.className = 'bar';
    bar.ariaHidden = 'true';
    const filled = document.createElement('span');
    filled.style.width = percent.replace(' ', '');
    bar.append(filled);
    item.append(text('name', name), text('share', percent), bar);
    return item;
  }

  function text(className, content) {
    const span = document.createElement('span');
    span.className = className;
    span.textContent = content;
    return span;
  }

  const openModelFile = (file) => openModel(file.name, async () => new Uint8Array(await file.arrayBuffer()));

  function open(files) {
    for (const file of files) {
      if (/\.onnx$/i.test(file.name)) openModelFile(file);
      else openPicture(file);
    }
  }

  for (const [id, take] of [
    ['model-file', openModelFile],
    ['picture-file', openPicture],
  ]) {
    element(id).addEventListener('change', ({ target }) => {
      const [file] = target.files;
      // The same file can be chosen again, after it was made anew.
      target.value = '';
      if (file !== undefined) take(file);
    });
  }
  addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) document.body.classList.remove('dragging');
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dragging');
    open([...event.dataTransfer.files]);
  });
  addEventListener('paste', (event) => open([...event.clipboardData.files]));

  const address = new URLSearchParams(location.search).get('model');
  if (address !== null) {
    openModel(address.split('/').pop(), async () => {
      const response = await fetch(address).catch(() => undefined);
      if (!response?.ok)
        throw new Error(`${address} cannot be fetched. Open the file with the button instead.`);
      return new Uint8Array(await response.arrayBuffer());
    });
  }
})();
