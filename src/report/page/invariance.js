// Pictures moved, enlarged and turned: strips of them, the distances of their features, and what is left of the class.
(() => {
  const { laurel } = globalThis;
  const { h } = laurel;
  const thumbPx = 44;
  let isRaw = false;

  const axes = {
    translation: 'px downwards',
    scale: 'times as large',
    rotation: 'degrees, counter-clockwise',
  };

  laurel.invarianceView = async () => {
    const data = await laurel.load('invariance');
    const addresses = data.transformations.flatMap(({ strips }) => strips.flat());
    const images = new Map(
      await Promise.all(addresses.map(async (address) => [address, await laurel.picture(address)])),
    );
    const slot = h('div', { className: 'slot' });
    const show = () =>
      slot.replaceChildren(...data.transformations.map((each) => panel(data, each, images, again)));
    const again = (kind) => {
      isRaw = !isRaw;
      show();
      slot.querySelector(`[data-kind=${kind}] .actions button`)?.focus();
    };
    show();
    laurel.onScale = show;
    const many = data.pictures.length;
    return [
      h('h1', { tabIndex: -1 }, 'Invariance'),
      h(
        'p',
        { className: 'lead' },
        `${many} ${many === 1 ? 'picture' : 'pictures'}, moved, enlarged and turned; features of ${data.layers.join(' and ')}.`,
      ),
      slot,
    ];
  };

  const colourOf = (picture) => `s${picture % 7}`;

  function panel(data, each, images, again) {
    const { kind, amounts, still, npy } = each;
    const isShared = laurel.scale() === 'shared';
    const size = data.pictures.length * amounts.length;
    const values = isRaw ? each.distance : each.relative;
    const parts = data.layers.map((_, i) => values.slice(i * size, (i + 1) * size));
    const most = (list) => Math.max(...list, 0);
    const everything = data.transformations.flatMap(({ distance, relative }) =>
      isRaw ? distance : relative,
    );
    const common = { xs: amounts, xLabel: axes[kind], mark: still };
    const lines = (list) =>
      data.pictures.map((_, i) => [list.slice(i * amounts.length, (i + 1) * amounts.length), colourOf(i)]);
    const names = data.pictures.map(({ name, class: label }) => `${name}: ${label}`);
    const charts = data.layers.map((layer, i) =>
      laurel.titled(
        `${isRaw ? 'Distance' : 'Relative distance'} in ${layer}`,
        laurel.lineChart({
          ...common,
          series: lines(parts[i]),
          names,
          high: laurel.roundUp(most(isShared ? everything : parts[i])),
          label: `Distance of the features of ${layer} by ${kind}, a line for each picture`,
        }),
      ),
    );
    const probability = laurel.titled(
      'Probability of the class',
      laurel.lineChart({
        ...common,
        series: lines(each.probability),
        names,
        high: 1,
        label: `Probability of the class by ${kind}, a line for each picture`,
      }),
    );
    const toggle = h('button', { type: 'button', 'aria-pressed': String(isRaw) }, 'Raw distances');
    toggle.title =
      'Euclidean distances as they are, not over the length of the features of the whole picture';
    toggle.onclick = () => again(kind);
    const farthest = data.layers.map((layer, i) => `${layer} ${laurel.short(most(parts[i]))}`).join(', ');
    return laurel.panel(
      kind,
      [stripsOf(data, each, images), h('div', { className: 'row charts' }, charts, probability)],
      {
        name: `invariance-${kind}`,
        tools: [toggle],
        data: laurel.arrays(npy),
        caption: `Euclidean distances${isRaw ? '' : ' over the length of the features of the picture as it is'}; the largest: ${farthest}. ${isShared ? 'One axis for all layers and transformations' : 'An axis for each layer'}. What comes from outside the picture is the mean of the data.`,
      },
    );
  }

  function stripsOf({ pictures }, { strips, shown, amounts, unit }, images) {
    const rows = strips.map((strip, i) => {
      const { name, class: label, known, probability } = pictures[i];
      const cells = strip.map((address, at) => {
        const image = images.get(address);
        const words = `${name} at ${amounts[shown[at]]} ${unit}`;
        return h(
          'td',
          {},
          laurel.part(image, [0, 0, image.naturalHeight, image.naturalWidth], thumbPx, words),
        );
      });
      const said = `${label}${known ? '' : ', the most probable'}: ${laurel.percent(probability)}`;
      return h(
        'tr',
        {},
        h('td', {}, h('i', { className: `stripe ${colourOf(i)}` })),
        cells,
        h('td', { className: 'about' }, h('b', {}, name), h('span', {}, said)),
      );
    });
    const heads = shown.map((at) => h('td', {}, String(amounts[at]).replace('-', '−')));
    const rest = pictures.length - strips.length;
    const more = rest > 0 ? `and ${rest} more ${rest === 1 ? 'picture' : 'pictures'} as lines` : unit;
    return h(
      'table',
      { className: 'strips' },
      h(
        'tbody',
        {},
        rows,
        h('tr', {}, h('td', {}), heads, h('td', { className: 'about' }, h('span', {}, more))),
      ),
    );
  }
})();
