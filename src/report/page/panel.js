// A panel: a figure with the sentences that explain it, and what can be taken away, the data as .npy and the panel as it
// is seen as PNG. The PNG is painted from the layout that the browser made: pictures, words, bars and frames are put
// where they stand on the page, at twice their size.
(() => {
  const { laurel } = globalThis;
  const { h } = laurel;
  let panels = 0;

  /** `data`: [label, address] of each .npy. */
  laurel.panel = (kind, body, { data = [], caption = '', name = kind, tools = [] } = {}) => {
    const words = laurel.site.words[kind];
    const id = `panel-${panels++}`;
    const figure = h(
      'div',
      { className: 'body' },
      body,
      caption === '' ? null : h('p', { className: 'caption' }, caption),
    );
    const png = h('button', { type: 'button', 'aria-label': `Save ${words.title} as PNG` }, 'PNG');
    png.onclick = () => savePicture(panel, `${laurel.site.network}-${name}.png`);
    const links = data.map(([label, address]) =>
      h(
        'a',
        {
          href: address,
          download: address.split('/').pop(),
          className: 'button',
          'aria-label': `Save the data of ${words.title}: ${label} as NumPy file`,
        },
        label,
      ),
    );
    const explain = [
      ['What this shows', words.shows],
      ['How to read it', words.read],
      ['What to look for', words.look],
    ].map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text)));
    const panel = h(
      'section',
      { className: 'panel', 'data-kind': kind, 'aria-labelledby': id },
      h('header', {}, h('h2', { id }, words.title), h('div', { className: 'actions' }, tools, png, links)),
      h('dl', { className: 'words' }, explain),
      figure,
      h('p', { className: 'source' }, `After ${words.source}.`),
    );
    return panel;
  };

  function save(blob, name) {
    const link = h('a', { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  async function savePicture(panel, name) {
    const canvas = paint(panel);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    save(blob, name.replace(/[^\w.-]/g, '_'));
  }

  const sharpness = 2;

  function paint(panel) {
    const area = panel.getBoundingClientRect();
    const canvas = document.createElement('canvas');
    canvas.width = Math.ceil(area.width * sharpness);
    canvas.height = Math.ceil(area.height * sharpness);
    const context = canvas.getContext('2d');
    context.scale(sharpness, sharpness);
    context.translate(-area.left, -area.top);
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(area.left, area.top, area.width, area.height);
    paintElement(context, panel);
    return canvas;
  }

  const isVisible = (colour) => !/^(transparent|rgba\(.*, 0\))$/.test(colour);

  function paintElement(context, element) {
    if (element.classList.contains('actions')) return;
    const style = getComputedStyle(element);
    if (style.display === 'none' || style.visibility === 'hidden') return;
    if (element instanceof SVGElement) {
      for (const part of element.querySelectorAll('path, text')) paintDrawn(context, part);
      return;
    }
    const box = element.getBoundingClientRect();
    if (isVisible(style.backgroundColor)) {
      context.fillStyle = style.backgroundColor;
      context.fillRect(box.left, box.top, box.width, box.height);
    }
    if (element instanceof HTMLImageElement || element instanceof HTMLCanvasElement) {
      context.imageSmoothingEnabled = style.imageRendering !== 'pixelated';
      context.imageSmoothingQuality = 'high';
      context.drawImage(element, box.left, box.top, box.width, box.height);
    }
    const border = Number.parseFloat(style.borderTopWidth);
    if (border > 0 && isVisible(style.borderTopColor)) {
      if (style.outlineStyle !== 'none') {
        context.strokeStyle = style.outlineColor;
        context.lineWidth = 2 * border;
        context.strokeRect(
          box.left + border / 2,
          box.top + border / 2,
          box.width - border,
          box.height - border,
        );
      }
      context.strokeStyle = style.borderTopColor;
      context.lineWidth = border;
      context.setLineDash(style.borderTopStyle === 'dashed' ? [2 * border, 2 * border] : []);
      context.strokeRect(
        box.left + border / 2,
        box.top + border / 2,
        box.width - border,
        box.height - border,
      );
      context.setLineDash([]);
    }
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) paintText(context, child, style);
      else if (child.nodeType === Node.ELEMENT_NODE) paintElement(context, child);
    }
  }

  /** A path or a text of a chart. */
  function paintDrawn(context, element) {
    const style = getComputedStyle(element);
    const { a, b, c, d, e, f } = element.getScreenCTM();
    context.save();
    context.transform(a, b, c, d, e, f);
    if (element.tagName === 'text') {
      context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      context.fillStyle = style.fill;
      context.textAlign = style.textAnchor === 'middle' ? 'center' : style.textAnchor;
      context.textBaseline = 'alphabetic';
      context.fillText(element.textContent, element.getAttribute('x'), element.getAttribute('y'));
    } else {
      const path = new Path2D(element.getAttribute('d'));
      if (style.fill !== 'none') {
        context.fillStyle = style.fill;
        context.fill(path);
      }
      if (style.stroke !== 'none') {
        context.strokeStyle = style.stroke;
        context.lineWidth = Number.parseFloat(style.strokeWidth);
        context.lineCap = style.strokeLinecap;
        context.lineJoin = style.strokeLinejoin;
        context.setLineDash(
          style.strokeDasharray === 'none' ? [] : style.strokeDasharray.match(/[\d.]+/g).map(Number),
        );
        context.stroke(path);
      }
    }
    context.restore();
  }

  /** Word by word, so that lines break where the page breaks them; letter by letter where a word is broken. */
  function paintText(context, node, style) {
    context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    context.fillStyle = style.color;
    context.textBaseline = 'alphabetic';
    for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
      const parts = boxesOf(node, index, word.length).length > 1 ? [...word] : [word];
      let at = index;
      for (const part of parts) {
        const [box] = boxesOf(node, at, part.length);
        at += part.length;
        if (!box) continue;
        const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = context.measureText(part);
        context.fillText(part, box.left, box.top + (box.height + up - down) / 2);
      }
    }
  }

  function boxesOf(node, start, length) {
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, start + length);
    return range.getClientRects();
  }
})();
