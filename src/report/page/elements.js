// Elements, pictures and canvases, made by functions.
Object.assign(globalThis.laurel, {
  /** An element; `properties` are its own or, with a dash or for `role`, its attributes. */
  h(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === 'style') Object.assign(element.style, value);
      else if (key.includes('-') || key === 'role') element.setAttribute(key, value);
      else element[key] = value;
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  },

  picture(address) {
    const image = new Image();
    image.src = address;
    return image.decode().then(() => image);
  },

  /** Part of a picture (top, left, bottom, right) as a canvas that fits into a square of `side` px. */
  part(image, [top, left, bottom, right], side, label) {
    const [width, height] = [right - left, bottom - top];
    const canvas = laurel.canvas(width, height, side, label);
    canvas.getContext('2d').drawImage(image, left, top, width, height, 0, 0, width, height);
    return canvas;
  },

  /** The same with a frame around a box (top, left, bottom, right) of the picture. */
  framed(image, box, side, label) {
    const { naturalWidth: width, naturalHeight: height } = image;
    const whole = laurel.part(image, [0, 0, height, width], side, label);
    return laurel.h('div', { className: 'framed' }, whole, laurel.frame(image, box, side));
  },

  /** A frame around a box of a picture that fits into a square of `side` px. */
  frame({ naturalWidth: width, naturalHeight: height }, [top, left, bottom, right], side, kind = '') {
    const scale = side / Math.max(width, height);
    return laurel.h('i', {
      className: `frame ${kind}`.trim(),
      style: {
        top: `${top * scale}px`,
        left: `${left * scale}px`,
        height: `${(bottom - top) * scale}px`,
        width: `${(right - left) * scale}px`,
      },
    });
  },

  /** An empty canvas of so many pixels, shown as large as fits into a square of `side` px. */
  canvas(width, height, side, label) {
    const canvas = laurel.h('canvas', { width, height, role: 'img', 'aria-label': label });
    const scale = side / Math.max(width, height);
    Object.assign(canvas.style, { width: `${width * scale}px`, height: `${height * scale}px` });
    if (scale >= 2) canvas.classList.add('pixels');
    return canvas;
  },

  /** Values (row by row) as a canvas; `colours` run from `low` to `high`. */
  map(values, [height, width], { low, high, colours, side, label }) {
    const canvas = laurel.canvas(width, height, side, label);
    canvas.classList.add('pixels');
    const context = canvas.getContext('2d');
    values.forEach((value, i) => {
      const t = high > low ? (value - low) / (high - low) : 0;
      const step = Math.round((colours.length - 1) * Math.min(1, Math.max(0, t)));
      context.fillStyle = colours[step];
      context.fillRect(i % width, Math.floor(i / width), 1, 1);
    });
    return canvas;
  },

  /** A bar of colours with what its ends stand for. */
  legend(colours, labels) {
    const bar = laurel.h('canvas', {
      width: colours.length,
      height: 1,
      'aria-hidden': 'true',
      className: 'legend-bar',
    });
    const context = bar.getContext('2d');
    colours.forEach((colour, i) => {
      context.fillStyle = colour;
      context.fillRect(i, 0, 1, 1);
    });
    const ends = labels.map((text, i) =>
      laurel.h('span', { className: i === 0 ? 'first' : i === labels.length - 1 ? 'last' : '' }, text),
    );
    return laurel.h('div', { className: 'legend' }, bar, laurel.h('div', { className: 'legend-ends' }, ends));
  },

  /** A number with as many digits as are worth reading. */
  short(value) {
    if (value === 0) return '0';
    const size = Math.abs(value);
    let text = value.toPrecision(3);
    if (size >= 1e6 || size < 0.001) text = value.toExponential(1).replace('e+', 'e');
    else if (size >= 1000) text = Math.round(value).toLocaleString('en-US');
    return text.replace('-', '−');
  },

  percent(share) {
    const value = 100 * share;
    if (value === 0) return '0\u00a0%';
    return `${value < 0.1 ? value.toPrecision(1) : value.toFixed(value < 9.95 ? 1 : 0)}\u00a0%`;
  },

  /** What a caption says of the values beyond full contrast. */
  clipped: (share) =>
    share === 0 ? 'nothing is clipped' : `at most ${laurel.percent(share)} of the values are clipped`,

  count: (value) => value.toLocaleString('en-US'),

  /** A figure with lines under it; the first is its name. */
  figure(content, ...lines) {
    const { h } = laurel;
    const texts = lines
      .filter(Boolean)
      .map((line, i) => h(i === 0 ? 'b' : 'span', { title: typeof line === 'string' ? line : '' }, line));
    return h('figure', {}, h('div', { className: 'plate' }, content), h('figcaption', {}, texts));
  },
});
