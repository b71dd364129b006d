// Charts as SVG: lines over a quantity, means with their spread, bars. Colours are classes, so that they follow light
// and dark; `s0` to `s6` are the series of the figures.
(() => {
  const { laurel } = globalThis;
  const { h } = laurel;

  // HTML knows the namespace of drawings by itself.
  const parsed = h('template', { innerHTML: '<svg></svg>' });
  const { namespaceURI } = parsed.content.firstChild;

  const svg = (name, attributes = {}, ...children) => {
    const element = document.createElementNS(namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.flat());
    return element;
  };
  const path = (d, name) => svg('path', { d, class: name });
  const text = (content, x, y, name = '') => svg('text', { x, y, class: name }, content);

  /** Round steps that cover 0 to `high`, or from `low` to it. */
  function ticksOf(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9);
    const ticks = [];
    for (let i = first; i * step <= high + step * 1e-6; i++) ticks.push(Number((i * step).toPrecision(6)));
    return ticks;
  }
  laurel.roundUp = (value, count = 4) => {
    if (!(value > 0)) return 1;
    const [, step = value] = ticksOf(0, value, count);
    return Math.ceil(value / step - 1e-9) * step;
  };
  const label = (value) => String(value).replace('-', '−');

  const frame = { left: 46, right: 8, top: 10, bottom: 40 };

  function field(width, height, words) {
    const drawing = svg('svg', {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': words,
      class: 'drawing',
    });
    const area = {
      left: frame.left,
      right: width - frame.right,
      top: frame.top,
      bottom: height - frame.bottom,
    };
    return { drawing, area };
  }

  /**
   * Lines over `xs`, one for each of `series` ([values, class]). `mark`: an x to mark by an upright line; `ticks`: values
   * of x that have a label, if not round ones.
   */
  laurel.lineChart = ({
    xs,
    series,
    high,
    xLabel,
    mark,
    width = 350,
    height = 220,
    label: words,
    names = [],
  }) => {
    const { drawing, area } = field(width, height, words);
    const [from, to] = [Math.min(...xs), Math.max(...xs)];
    const x = (value) => area.left + ((value - from) / (to - from || 1)) * (area.right - area.left);
    const y = (value) => area.bottom - (value / high) * (area.bottom - area.top);
    for (const value of ticksOf(0, high, 4)) {
      drawing.append(path(`M${area.left} ${y(value)}H${area.right}`, 'grid'));
      drawing.append(text(label(value), area.left - 7, y(value) + 4, 'end'));
    }
    for (const value of ticksOf(from, to, 5)) {
      drawing.append(path(`M${x(value)} ${area.bottom}v4`, 'axis'));
      drawing.append(text(label(value), x(value), area.bottom + 17, 'middle'));
    }
    drawing.append(path(`M${area.left} ${area.bottom}H${area.right}`, 'axis'));
    drawing.append(text(xLabel, (area.left + area.right) / 2, area.bottom + 34, 'middle'));
    if (mark !== undefined && mark >= from && mark <= to) {
      drawing.append(path(`M${x(mark)} ${area.top}V${area.bottom}`, 'axis dotted'));
    }
    const order = [...xs.keys()].sort((a, b) => xs[a] - xs[b]);
    for (const [i, [values, name]] of series.entries()) {
      const line = path(`M${order.map((at) => `${x(xs[at])} ${y(values[at])}`).join('L')}`, `line ${name}`);
      if (names[i]) line.append(svg('title', {}, names[i]));
      drawing.append(line);
    }
    return drawing;
  };

  /** Means with deviation and standard error, a row for each of `rows`; `reference`: a mean to compare with. */
  laurel.spreadChart = ({ rows, reference, xLabel, width = 520, label: words }) => {
    const [left, numbers, step] = [110, 110, 30];
    const height = rows.length * step + 52;
    const { drawing, area } = field(width, height, words);
    const right = area.right - numbers;
    const high = laurel.roundUp(Math.max(...rows.map(({ mean, deviation }) => mean + deviation)));
    const x = (value) => left + (Math.max(0, value) / high) * (right - left);
    const foot = area.top + rows.length * step;
    for (const value of ticksOf(0, high, 4)) {
      drawing.append(path(`M${x(value)} ${area.top}V${foot}`, 'grid'));
      drawing.append(text(label(value), x(value), foot + 16, 'middle'));
    }
    drawing.append(path(`M${x(reference)} ${area.top}V${foot}`, 'axis dotted'));
    drawing.append(text(xLabel, (left + right) / 2, foot + 34, 'middle'));
    rows.forEach(({ name, mean, deviation, standardError, colour }, i) => {
      const middle = area.top + (i + 0.5) * step;
      const span = (by, kind) => path(`M${x(mean - by)} ${middle}H${x(mean + by)}`, `${kind} ${colour}`);
      drawing.append(span(deviation, 'thin'), span(standardError, 'thick'));
      const dot = `M${x(mean) - 5.5} ${middle}a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0`;
      drawing.append(path(dot, `dot ${colour}`));
      drawing.append(text(name, left - 12, middle + 4, 'end strong'));
      drawing.append(
        text(`${mean.toFixed(3)} ± ${deviation.toFixed(3)}`, area.right, middle + 4, 'end strong'),
      );
    });
    return drawing;
  };

  /** Bars beside each other, the largest first; `limit`: a height to mark. */
  laurel.barChart = ({ values, high, limit, width = 350, height = 220, label: words }) => {
    const { drawing, area } = field(width, height, words);
    const y = (value) => area.bottom - (value / high) * (area.bottom - area.top);
    for (const value of ticksOf(0, high, 3)) {
      drawing.append(path(`M${area.left} ${y(value)}H${area.right}`, 'grid'));
      drawing.append(text(label(value), area.left - 7, y(value) + 4, 'end'));
    }
    const pitch = (area.right - area.left) / values.length;
    const bar = Math.max(0.6, pitch - 1);
    const bars = [...values]
      .sort((a, b) => b - a)
      .map((value, i) => `M${area.left + i * pitch} ${area.bottom}V${y(value)}h${bar}V${area.bottom}z`);
    drawing.append(path(bars.join(''), 'fill s0'));
    if (limit !== undefined && limit < high) {
      drawing.append(path(`M${area.left} ${y(limit)}H${area.right}`, 'line s1 dashed'));
    }
    drawing.append(path(`M${area.left} ${area.bottom}H${area.right}`, 'axis'));
    drawing.append(
      text('filters, the heaviest first', (area.left + area.right) / 2, area.bottom + 18, 'middle'),
    );
    return drawing;
  };

  /** A chart under its name. */
  laurel.titled = (title, drawing) =>
    h('figure', { className: 'chart' }, h('figcaption', {}, h('b', {}, title)), drawing);

  /** Arrays as links: [label, address]. */
  laurel.arrays = (npy) => Object.entries(npy).map(([kind, address]) => [`${kind}.npy`, address]);
})();
