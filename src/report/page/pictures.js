// The view of one picture: the answer, Grad-CAM, occlusion, the three rules and activations.
(() => {
  const { laurel } = globalThis;
  const { h, short, percent } = laurel;
  const cellPx = 236;
  const smallPx = 112;

  laurel.pictureView = async (index) => {
    const { file } = laurel.site.views[index];
    const data = await laurel.load(file);
    const image = await laurel.picture(data.image);
    const whole = [0, 0, data.height, data.width];
    const label = data.label === null ? '' : ` The data set calls it ${data.label}.`;
    const slot = h('div', { className: 'slot' });
    const drawn = await decoded(data);
    const show = () => slot.replaceChildren(rules(data, image, drawn), activations(data, drawn));
    show();
    laurel.onScale = show;
    return [
      h('h1', { tabIndex: -1 }, data.name),
      h(
        'p',
        { className: 'lead' },
        `Taken for ${data.answers[0].name}, ${percent(data.answers[0].probability)}.${label}`,
      ),
      answer(data, image, whole),
      gradcam(data, image, whole),
      data.occlusion === null ? null : await occlusion(data, whole),
      slot,
    ].filter(Boolean);
  };

  /** All pictures that the scale concerns, by their address. */
  async function decoded(data) {
    const addresses = [
      ...data.rules.flatMap(({ drawn }) => drawn),
      ...data.activations.flatMap(({ maps }) => maps),
    ].flatMap(({ own, shared }) => [own, shared]);
    const images = new Map();
    await Promise.all(
      [...new Set(addresses)].map(async (address) => images.set(address, await laurel.picture(address))),
    );
    return images;
  }

  function answer(data, image, whole) {
    const rows = data.answers.map(({ name, probability }) =>
      h(
        'li',
        {},
        h('span', {}, name),
        h(
          'span',
          { className: 'track' },
          h('i', { className: 'bar', style: { width: `${100 * probability}%` } }),
        ),
        h('span', {}, percent(probability)),
      ),
    );
    const picture = laurel.part(image, whole, cellPx, `The picture: ${data.name}`);
    return laurel.panel(
      'answer',
      h('div', { className: 'row' }, picture, h('ol', { className: 'answers' }, rows)),
      {
        name: data.name,
        data: [['npy', data.npy]],
        caption: `${data.width}×${data.height} px; the data is the network’s input.`,
      },
    );
  }

  function gradcam(data, image, whole) {
    const { values, height, width, layer, class: name, npy } = data.gradcam;
    const most = Math.max(...values);
    const { sequential } = laurel.site.colours;
    const label = `Grad-CAM of ${name} at ${layer}`;
    const map = laurel.map(values, [height, width], {
      low: 0,
      high: most || 1,
      colours: sequential,
      side: cellPx,
      label,
    });
    const verdict =
      most > 0 ? `min 0, max ${short(most)}` : `All zero: nothing in ${layer} speaks for ${name}.`;
    return laurel.panel(
      'gradcam',
      h(
        'div',
        { className: 'row' },
        laurel.figure([laurel.part(image, whole, cellPx, 'The picture')], 'picture', name),
        laurel.figure([map], `${layer}, ${height}×${width}`, verdict),
        laurel.figure(
          [spotlight(image, values, [height, width], most, label)],
          'on the picture',
          'in colour where the map is high',
        ),
        h('div', { className: 'legends' }, laurel.legend(sequential, ['0', 'maximum'])),
      ),
      { name: `${data.name}-gradcam`, data: [['npy', npy]], caption: 'Nothing is clipped.' },
    );
  }

  /** The picture, dim and grey where the map is low; the map is enlarged smoothly. */
  function spotlight(image, values, [rows, columns], most, label) {
    const { naturalWidth: width, naturalHeight: height } = image;
    const low = laurel.canvas(columns, rows, cellPx, '');
    const marks = new ImageData(columns, rows);
    values.forEach((value, i) => {
      const light = most > 0 ? (255 * value) / most : 0;
      marks.data.set([light, light, light, 255], 4 * i);
    });
    low.getContext('2d').putImageData(marks, 0, 0);
    const canvas = laurel.canvas(width, height, cellPx, label);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(low, 0, 0, width, height);
    const map = context.getImageData(0, 0, width, height).data;
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, width, height);
    const { data } = pixels;
    for (let at = 0; at < data.length; at += 4) {
      const share = Math.min(1, (1.2 * map[at]) / 255);
      const grey = 0.4 * (0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);
      for (let c = 0; c < 3; c++) data[at + c] = grey + share * (data[at + c] - grey);
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  async function occlusion(data, whole) {
    const {
      rows,
      columns,
      size,
      stride,
      layer,
      unit,
      class: name,
      sentence,
      npy,
      names,
      answers,
    } = data.occlusion;
    const { sequential, diverging, series } = laurel.site.colours;
    const shape = [rows, columns];
    const map = (values, label) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return laurel.figure(
        [laurel.map(values, shape, { low, high, colours: sequential, side: cellPx, label })],
        label,
        `${short(low)} to ${short(high)}; without the square ${short(label.startsWith('p(') ? data.occlusion.whole.probability : data.occlusion.whole.activity)}`,
      );
    };
    const kinds = [...new Set(answers)].sort((a, b) => times(answers, b) - times(answers, a));
    const other = '#9aa5b1';
    const colours = kinds.map((_, i) => series[i] ?? other);
    const indices = answers.map((each) => kinds.indexOf(each));
    const classes = laurel.map(indices, shape, {
      low: 0,
      high: Math.max(1, kinds.length - 1),
      colours: kinds.length === 1 ? [colours[0], colours[0]] : colours,
      side: cellPx,
      label: 'The most probable class for each place of the square',
    });
    const key = kinds
      .slice(0, series.length)
      .map((each, i) =>
        h(
          'li',
          {},
          h('i', { className: 'swatch', style: { background: colours[i] } }),
          `${names[each]} (${times(answers, each)})`,
        ),
      );
    const rest = kinds.length - key.length;
    const overlay = await laurel.picture(data.occlusion.overlay);
    const { inOthers } = data.occlusion;
    const projections = await Promise.all(
      inOthers.drawn.map(async ({ view, name: picture, activation, box, image, scale }) =>
        laurel.figure(
          [laurel.part(await laurel.picture(image), box, cellPx, `Map ${unit} of ${layer} in ${picture}`)],
          h('a', { href: `#pictures/${view}` }, picture),
          `activation ${short(activation)}, full contrast ±${short(scale)}`,
        ),
      ),
    );
    return laurel.panel(
      'occlusion',
      h(
        'div',
        { className: 'row' },
        laurel.figure(
          [laurel.part(overlay, whole, cellPx, `What each part is worth to ${name}`)],
          'what each pixel is worth',
          sentence,
        ),
        map(data.occlusion.probability, `p(${name})`),
        map(data.occlusion.activity, `${layer}, map ${unit}: sum`),
        h(
          'div',
          {},
          laurel.figure([classes], 'most probable class'),
          h(
            'ul',
            { className: 'key' },
            key,
            rest > 0
              ? h('li', {}, h('i', { className: 'swatch', style: { background: other } }), `${rest} others`)
              : null,
          ),
        ),
        h(
          'div',
          { className: 'legends' },
          laurel.legend(diverging, ['against', '0', 'for the class']),
          laurel.legend(sequential, ['smallest', 'largest']),
        ),
        h(
          'h3',
          { className: 'line' },
          'The same map, ',
          h('a', { href: laurel.layerAddress(layer, unit) }, `${layer}, map ${unit}`),
          ', carried down to the pixels here and in other pictures',
        ),
        projections,
      ),
      {
        name: `${data.name}-occlusion`,
        data: laurel.arrays({ ...npy, projections: inOthers.npy }),
        caption: `A grey square of ${size}×${size} px every ${stride} px, ${rows}×${columns} places. Nothing is clipped.`,
      },
    );
  }

  const times = (values, wanted) => values.filter((value) => value === wanted).length;

  function rules(data, image, images) {
    const shared = laurel.scale() === 'shared';
    const rows = data.rules.map((row) => {
      const figures = row.drawn.map(({ rule, own, shared: same, scales, range }) =>
        laurel.figure(
          [
            laurel.part(
              images.get(shared ? same : own),
              row.box,
              cellPx,
              `${rule} of ${row.layer}, map ${row.unit}`,
            ),
          ],
          rule,
          `${short(range[0])} to ${short(range[1])}, full contrast ±${short(scales[shared ? 1 : 0])}`,
        ),
      );
      const [top, left, bottom, right] = row.box;
      const isWhole = bottom - top === data.height && right - left === data.width;
      const seen = isWhole
        ? 'seen as a whole'
        : `framed: ${bottom - top}×${right - left} px, shown beside it`;
      const similar = row.correlations.map(({ rule, r }) => `with ${rule} ${r.toFixed(2)}`).join(', ');
      return h(
        'div',
        { className: 'rule-row' },
        h(
          'h3',
          {},
          h('a', { href: laurel.layerAddress(row.layer, row.unit) }, `${row.layer}, map ${row.unit}`),
          h(
            'small',
            {},
            ` activation ${short(row.activation)} at ${row.position.join(', ')}; deconvnet correlates ${similar} `,
          ),
          h('a', { href: row.npy, download: row.npy.split('/').pop(), className: 'button' }, 'npy'),
        ),
        h(
          'div',
          { className: 'row' },
          laurel.figure(
            [
              isWhole
                ? laurel.part(image, row.box, cellPx, 'The picture')
                : laurel.framed(image, row.box, cellPx, 'The picture'),
            ],
            'picture',
            seen,
          ),
          figures,
        ),
      );
    });
    const most = Math.max(
      ...data.rules.flatMap(({ drawn }) => drawn.map(({ clipped }) => clipped[shared ? 1 : 0])),
    );
    return laurel.panel('rules', rows, {
      name: `${data.name}-rules`,
      data: [],
      caption: `${shared ? 'Per layer one scale for the three, each divided by what its walk started from' : 'Each on its own symmetric scale'}; mid-grey is zero, ${laurel.clipped(most)}.`,
    });
  }

  function activations(data, images) {
    const shared = laurel.scale() === 'shared';
    const rows = data.activations.map(({ layer, units, height, width, maps, npy }) => {
      const figures = maps.map(({ unit, range, own, shared: same }) =>
        laurel.figure(
          [
            laurel.part(
              images.get(shared ? same : own),
              [0, 0, height, width],
              smallPx,
              `${layer}, map ${unit}`,
            ),
          ],
          h('a', { href: laurel.layerAddress(layer, unit) }, `map ${unit}`),
          `${short(range[0])} to ${short(range[1])}`,
        ),
      );
      return h(
        'div',
        { className: 'rule-row' },
        h(
          'h3',
          {},
          h('a', { href: laurel.layerAddress(layer) }, layer),
          h('small', {}, ` the ${maps.length} strongest of ${units} maps, ${height}×${width} `),
          h('a', { href: npy, download: npy.split('/').pop(), className: 'button' }, 'npy'),
        ),
        h('div', { className: 'row small' }, figures),
      );
    });
    const { sequential, diverging } = laurel.site.colours;
    const isSigned = ({ maps }) => maps.some(({ range }) => range[0] < 0);
    const legends = [
      data.activations.every(isSigned) ? null : laurel.legend(sequential, ['0', 'largest']),
      data.activations.some(isSigned) ? laurel.legend(diverging, ['below', '0', 'above']) : null,
    ];
    rows.push(h('div', { className: 'legends' }, legends));
    return laurel.panel('activations', rows, {
      name: `${data.name}-activations`,
      caption: `${shared ? 'One scale for the maps of a layer' : 'Each map on its own scale'}, from zero on; a layer with values below zero is blue below and vermilion above it. Nothing is clipped.`,
    });
  }
})();
