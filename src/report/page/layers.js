// The views of a layer and of one of its maps.
(() => {
  const { laurel } = globalThis;
  const { h, short, count } = laurel;
  const cellPx = 170;
  let crop = 'field';

  laurel.layerAddress = (path, unit) =>
    `#/${encodeURIComponent(path)}${unit === undefined ? '' : `/${unit}`}`;

  laurel.layerView = async (layer) => {
    const data = await laurel.load(`${layer.file}/layer`);
    const facts = [
      `${count(layer.units)} maps`,
      layer.height * layer.width === 1 ? 'one value each' : `of ${layer.height}×${layer.width}`,
      `each position sees ${layer.field[0]}×${layer.field[1]} px`,
      `${count(layer.pictures)} pictures scanned`,
      `${count(layer.dead)} maps never above zero`,
    ];
    const view = [
      h('h1', { tabIndex: -1 }, layer.path),
      h('p', { className: 'lead' }, `${facts.join(', ')}.`),
    ];
    if (layer.projected.length > 0) {
      const sheets = layer.projected.map((unit) => sheet(layer, unit, data));
      view.push(
        laurel.panel('layer', h('div', { className: 'sheets' }, sheets), {
          name: layer.path,
          data: [['npy', data.npy]],
          caption: `Each projection on its own symmetric scale, mid-grey zero. ${layer.projected.length} of ${layer.units} maps, drawn with a seed.`,
        }),
      );
    }
    view.push(units(layer, data));
    return view;
  };

  function sheet(layer, unit, data) {
    const { projections, patches } = data.sheets[unit];
    const [first] = data.entries[unit];
    return h(
      'a',
      { href: laurel.layerAddress(layer.path, unit), className: 'sheet' },
      h('img', { src: projections, alt: `Projections of map ${unit}` }),
      h('img', { src: patches, alt: `Parts of pictures that excite map ${unit}` }),
      h('span', {}, h('b', { className: 'unit-name' }, `map ${unit}`), ` ${short(first.value)}`),
    );
  }

  function units(layer, data) {
    const strongest = data.entries.map((entries) => entries[0]?.value ?? 0);
    const most = Math.max(...strongest, 0) || 1;
    const items = strongest.map((value, unit) => {
      const kinds = [
        layer.projected.includes(unit) ? 'projected' : '',
        data.active[unit] === 0 ? 'dead' : '',
      ];
      const bar = h('i', { className: 'bar', style: { width: `${(100 * Math.max(0, value)) / most}%` } });
      return h(
        'li',
        {},
        h(
          'a',
          {
            href: laurel.layerAddress(layer.path, unit),
            className: kinds.join(' ').trim(),
            title: `map ${unit}: strongest ${short(value)}, above zero in ${count(data.active[unit])} of ${count(layer.pictures)} pictures`,
          },
          h('span', {}, String(unit)),
          bar,
        ),
      );
    });
    return laurel.panel('units', h('ol', { className: 'units' }, items), {
      name: `${layer.path}-units`,
      data: [['npy', data.npy]],
      caption: `Strongest activations from ${short(Math.min(...strongest))} to ${short(Math.max(...strongest))}; the longest bar is ${short(most)}.`,
    });
  }

  laurel.unitView = async (layer, unit) => {
    const data = await laurel.load(`${layer.file}/layer`);
    const entries = data.entries[unit];
    const heading = [
      h('h1', { tabIndex: -1 }, `${layer.path}, map ${unit}`),
      h(
        'p',
        { className: 'lead' },
        entries.length === 0
          ? 'This map had no value in any picture.'
          : `Strongest activation ${short(entries[0].value)}; above zero in ${count(data.active[unit])} of ${count(layer.pictures)} pictures.`,
      ),
      steps(layer, unit),
    ];
    if (entries.length === 0) return heading;
    const pictures = await Promise.all(entries.map(({ picture }) => laurel.load(`pictures/${picture}`)));
    const images = await Promise.all(pictures.map(({ image }) => laurel.picture(image)));
    if (!layer.projected.includes(unit))
      return [...heading, framed(layer, unit, entries, pictures, images, data)];
    const drawn = await laurel.load(`${layer.file}/unit-${unit}`);
    const own = await Promise.all(drawn.drawn.map((each) => laurel.picture(each.own)));
    const shared = await Promise.all(drawn.drawn.map((each) => laurel.picture(each.shared)));
    const slot = h('div', { className: 'slot' });
    const show = () => {
      const projections = laurel.scale() === 'shared' ? shared : own;
      const panel = top({ layer, unit, entries, pictures, images, drawn, projections, show });
      slot.replaceChildren(panel);
    };
    show();
    laurel.onScale = show;
    return [...heading, slot];
  };

  function about({ value, position, picture }, { label, name }, layer) {
    const place = layer.height * layer.width === 1 ? '' : ` at ${position.join(', ')}`;
    return [
      label ?? name,
      `activation ${short(value)}${place}`,
      label === null ? `picture ${picture}` : name,
    ];
  }

  function top({ layer, unit, entries, pictures, images, drawn, projections, show }) {
    const figures = entries.map((entry, i) => {
      const { window } = drawn.drawn[i];
      const [y, x] = entry.box;
      const seen = crop === 'field' ? entry.box : window;
      const inside = [seen[0] - y, seen[1] - x, seen[2] - y, seen[3] - x];
      const words = about(entry, pictures[i], layer);
      return laurel.figure(
        [
          laurel.part(
            projections[i],
            inside,
            cellPx,
            `Projection of map ${unit} in ${words[0]}, activation ${short(entry.value)}`,
          ),
          laurel.part(images[i], seen, cellPx, `The same part of the picture: ${words[0]}`),
        ],
        ...words,
      );
    });
    const [least, most] = [
      Math.min(...drawn.drawn.map(({ range }) => range[0])),
      Math.max(...drawn.drawn.map(({ range }) => range[1])),
    ];
    const shared = laurel.scale() === 'shared';
    const scales = drawn.drawn.map(({ scale }) => scale);
    const clipped = Math.max(...drawn.drawn.map((each) => each.clipped[shared ? 1 : 0]));
    const contrast = shared
      ? `One scale for the nine, full contrast at ±${short(drawn.shared)}`
      : `Each on its own scale, full contrast at ±${short(Math.min(...scales))} to ±${short(Math.max(...scales))}`;
    const zero = least === 0 && most === 0 ? 'All nine projections are zero. ' : '';
    const toggle = h('button', { type: 'button', 'aria-pressed': String(crop === 'energy') }, 'Close up');
    toggle.title = 'Only the part that holds nine tenths of the energy of each projection';
    toggle.onclick = () => {
      crop = crop === 'field' ? 'energy' : 'field';
      show();
      document.querySelector('[data-kind=top] .actions button')?.focus();
    };
    return laurel.panel('top', h('div', { className: 'pairs' }, figures), {
      name: `${layer.path}-${unit}`,
      data: [['npy', drawn.npy]],
      tools: [toggle],
      caption: `${zero}Rule: ${laurel.site.rule}. Values from ${short(least)} to ${short(most)}. ${contrast}, mid-grey is zero; ${laurel.clipped(clipped)}.`,
    });
  }

  function framed(layer, unit, entries, pictures, images, data) {
    const figures = entries.map((entry, i) => {
      const words = about(entry, pictures[i], layer);
      const label = `${words[0]}, activation ${short(entry.value)}`;
      return laurel.figure([laurel.framed(images[i], entry.box, cellPx, label)], ...words);
    });
    return laurel.panel('pictures', h('div', { className: 'pairs single' }, figures), {
      name: `${layer.path}-${unit}`,
      data: [['npy', data.npy]],
      caption: `This map was not drawn for projection; \`laurel report --maps ${layer.units}\` projects all of the layer.`,
    });
  }

  /** Where the arrows lead from here; `all`: also maps without projections. */
  laurel.neighbour = (layer, unit, step, all) => {
    const choice = all || layer.projected.length === 0 ? [...Array(layer.units).keys()] : layer.projected;
    const at = step > 0 ? choice.find((each) => each > unit) : choice.findLast((each) => each < unit);
    return at ?? (step > 0 ? choice[0] : choice.at(-1));
  };

  function steps(layer, unit) {
    const link = (step, text) =>
      h(
        'a',
        {
          className: 'button',
          href: laurel.layerAddress(layer.path, laurel.neighbour(layer, unit, step, false)),
        },
        text,
      );
    const all = h(
      'a',
      { className: 'button', href: laurel.layerAddress(layer.path) },
      `All maps of ${layer.path}`,
    );
    return h(
      'nav',
      { className: 'steps', 'aria-label': 'Other maps' },
      link(-1, '← before'),
      all,
      link(1, 'after →'),
    );
  }
})();
