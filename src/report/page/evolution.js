// How maps of a layer came to be: all of them at one moment, with a time line, and every moment in rows.
(() => {
  const { laurel } = globalThis;
  const { h, short, count } = laurel;
  const movingPx = 148;
  /** Room for the cells of a row, px. */
  const rowPx = 1030;
  const frameMs = 900;

  laurel.evolutionView = async ({ file }) => {
    const data = await laurel.load(file);
    const images = await decoded(data);
    const slot = h('div', { className: 'slot' });
    const moving = player(data, images);
    const show = () => {
      moving.show();
      slot.replaceChildren(sheet(data, images));
    };
    show();
    laurel.onScale = show;
    laurel.onStep = moving.step;
    const moments = data.stages.length;
    return [
      h('h1', { tabIndex: -1 }, `How maps of ${data.layer} came to be`),
      h(
        'p',
        { className: 'lead' },
        `${data.maps.length} of ${count(data.units)} maps at ${moments} ${moments === 1 ? 'moment' : 'moments'} of a training, over ${count(data.pictures)} pictures.`,
      ),
      moving.panel,
      slot,
    ];
  };

  async function decoded({ maps }) {
    const images = new Map();
    const addresses = maps.flatMap(({ moments }) =>
      moments.flatMap(({ drawn }) => (drawn === null ? [] : [drawn.own, drawn.shared, drawn.patch])),
    );
    await Promise.all(
      [...new Set(addresses)].map(async (address) => images.set(address, await laurel.picture(address))),
    );
    return images;
  }

  /** The longest side of any of a map's parts, px: all of its cells are on one scale. */
  const reachOf = ({ moments }) =>
    Math.max(1, ...moments.map(({ drawn }) => (drawn === null ? 0 : Math.max(...drawn.size))));

  /** Projection and patch of a moment, on one scale with the map's other moments. */
  function cells(map, moment, images, side, words) {
    if (moment.drawn === null) return [h('p', { className: 'nothing' }, 'no number')];
    const { own, shared, patch, size } = moment.drawn;
    const reach = reachOf(map);
    const fit = (side * Math.max(...size)) / reach;
    const whole = [0, 0, size[0], size[1]];
    const projection = images.get(laurel.scale() === 'shared' ? shared : own);
    const place = (canvas) =>
      h('div', { className: 'cell', style: { width: `${side}px`, height: `${side}px` } }, canvas);
    return [
      place(laurel.part(projection, whole, fit, `Projection of ${words}`)),
      place(laurel.part(images.get(patch), whole, fit, `The part of the picture: ${words}`)),
    ];
  }

  function caption({ index, class: label, activation, jump, drawn }) {
    if (drawn === null) return [];
    const full = drawn.scale;
    return [
      h(
        'b',
        { title: jump ? 'another picture than at the moment before' : '' },
        jump ? h('i', { className: 'jump' }) : null,
        `#${index}`,
        label === null ? '' : ` ${label.split(',')[0]}`,
      ),
      h('span', {}, `${short(activation)}, ±${short(full)}`),
    ];
  }

  function sheet(data, images) {
    const { stages, maps } = data;
    const isShared = laurel.scale() === 'shared';
    const cellPx = Math.max(84, Math.min(150, Math.floor(rowPx / stages.length) - 12));
    const head = h(
      'tr',
      {},
      h('td', {}),
      stages.map(({ name }) => h('th', { scope: 'col' }, name)),
    );
    const rows = maps.map((map) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, mapLink(data, map)),
        map.moments.map((moment, stage) =>
          h(
            'td',
            { style: { maxWidth: `${cellPx + 12}px` } },
            cells(map, moment, images, cellPx, `map ${map.unit} at ${stages[stage].name}`),
            h('p', { className: 'moment-words' }, caption(moment)),
          ),
        ),
      ),
    );
    const drawn = maps.flatMap(({ moments }) => moments.flatMap((moment) => moment.drawn ?? []));
    const [least, most] = [
      Math.min(0, ...drawn.map(({ range }) => range[0])),
      Math.max(0, ...drawn.map(({ range }) => range[1])),
    ];
    const clipped = Math.max(0, ...drawn.map((each) => each.clipped[isShared ? 1 : 0]));
    const contrast = isShared
      ? 'One scale for the moments of a map'
      : `Each on its own scale, full contrast at ±${short(Math.min(...drawn.map(({ scale }) => scale)))} to ±${short(Math.max(...drawn.map(({ scale }) => scale)))}`;
    return laurel.panel(
      'evolution',
      h('table', { className: 'moments' }, h('thead', {}, head), h('tbody', {}, rows)),
      {
        name: `${data.layer}-evolution`,
        data: [
          ['projections.npy', data.projections],
          ['patches.npy', data.patches],
        ],
        caption: `Rule: ${data.rule}. Values from ${short(least)} to ${short(most)}. ${contrast}, mid-grey is zero; ${laurel.clipped(clipped)}. Under each the number of the picture, its class, the activation and the value of full contrast.`,
      },
    );
  }

  function mapLink({ layer }, { unit }) {
    const name = `map ${unit}`;
    const isScanned = laurel.site.layers.some(({ path }) => path === layer);
    return isScanned ? h('a', { href: laurel.layerAddress(layer, unit) }, name) : name;
  }

  /** All maps at one moment. */
  function player(data, images) {
    const { stages, maps } = data;
    let at = stages.length - 1;
    let timer;
    const scene = h('div', { className: 'pairs moving' });
    const points = stages.map(({ name, epoch }, stage) =>
      h(
        'button',
        { type: 'button', 'aria-label': name, title: name, onclick: () => stop(go(stage)) },
        epoch === null ? name : String(epoch),
      ),
    );
    const line = h('div', { className: 'timeline', role: 'group', 'aria-label': 'Moments' }, points);
    const now = h('b', { className: 'now' });
    const play = h('button', { type: 'button' }, 'Play');
    play.onclick = () => (timer === undefined ? start() : stop());

    function go(stage) {
      at = (stage + stages.length) % stages.length;
      now.textContent = stages[at].name;
      points.forEach((point, i) => {
        point.setAttribute('aria-pressed', String(i === at));
        point.classList.toggle('past', i < at);
      });
      scene.replaceChildren(
        ...maps.map((map) => {
          const moment = map.moments[at];
          const words = `map ${map.unit} at ${stages[at].name}`;
          return h(
            'figure',
            {},
            h('div', { className: 'plate' }, cells(map, moment, images, movingPx, words)),
            h('figcaption', {}, h('b', {}, mapLink(data, map)), h('span', {}, sentence(moment))),
          );
        }),
      );
    }

    function sentence({ index, class: label, activation, jump, drawn }) {
      if (drawn === null) return 'no activation is a number';
      const name = label === null ? '' : `, ${label.split(',')[0]}`;
      return `${short(activation)} in #${index}${name}${jump ? ', another picture' : ''}`;
    }

    function start() {
      if (at === stages.length - 1) go(0);
      timer = setInterval(() => {
        // A page that was left has no one to play for.
        if (at === stages.length - 1 || !scene.isConnected) stop();
        else go(at + 1);
      }, frameMs);
      play.textContent = 'Pause';
    }

    function stop() {
      clearInterval(timer);
      timer = undefined;
      play.textContent = 'Play';
    }

    const files = data.animation === null ? [] : [[data.animation.split('.').pop(), data.animation]];
    const panel = laurel.panel('animation', [h('div', { className: 'player' }, play, line, now), scene], {
      name: `${data.layer}-moment`,
      data: files,
      caption: 'The scale is that of the rows below; ← and → step through the moments.',
    });
    return {
      panel,
      show: () => go(at),
      step(by) {
        stop();
        go(at + by);
      },
    };
  }
})();
