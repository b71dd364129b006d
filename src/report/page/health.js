// Dead maps: a strip for each scanned layer.
(() => {
  const { laurel } = globalThis;
  const { h, count } = laurel;
  const strip = { width: 480, height: 20 };

  laurel.healthView = async () => {
    const { layers } = await laurel.load('health');
    const [dead, maps] = [
      layers.reduce((sum, layer) => sum + layer.dead.length, 0),
      layers.reduce((sum, layer) => sum + layer.units, 0),
    ];
    const rows = layers.map(({ layer, units, dead: never, always, awake, npy }) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, h('a', { href: laurel.layerAddress(layer) }, layer)),
        h('td', {}, count(units)),
        h(
          'td',
          {},
          never.length === 0 ? '0' : h('b', {}, h('i', { className: 'jump' }), count(never.length)),
        ),
        h('td', {}, count(always)),
        h('td', {}, stripOf(layer, awake)),
        h('td', {}, h('a', { href: npy, download: npy.split('/').pop(), className: 'button' }, 'npy')),
      ),
    );
    const head = [
      'Layer',
      'Maps',
      'Never awake',
      'Always awake',
      'Share of pictures that wake a map',
      'Data',
    ];
    const { sequential } = laurel.site.colours;
    return [
      h('h1', { tabIndex: -1 }, 'Dead maps'),
      h(
        'p',
        { className: 'lead' },
        dead === 0
          ? `All ${count(maps)} maps of the scanned layers were above zero in some picture.`
          : `${count(dead)} of ${count(maps)} maps of the scanned layers ${dead === 1 ? 'was' : 'were'} above zero in no picture.`,
      ),
      laurel.panel(
        'health',
        [
          h(
            'table',
            { className: 'health' },
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                head.map((name) => h('th', { scope: 'col' }, name)),
              ),
            ),
            h('tbody', {}, rows),
          ),
          h('div', { className: 'legends' }, laurel.legend(sequential, ['no picture', 'every picture'])),
        ],
        {
          caption: `Over ${count(layers[0]?.pictures ?? 0)} pictures; the data are the share of pictures that woke each map, and its strongest activation. Nothing is clipped.`,
        },
      ),
    ];
  };

  function stripOf(layer, awake) {
    const canvas = laurel.canvas(
      strip.width,
      1,
      strip.width,
      `Maps of ${layer} from the sleepiest to the one most awake`,
    );
    Object.assign(canvas.style, { width: `${strip.width}px`, height: `${strip.height}px` });
    const context = canvas.getContext('2d');
    const { sequential } = laurel.site.colours;
    for (let x = 0; x < strip.width; x++) {
      const share = awake[Math.floor((x / strip.width) * awake.length)];
      context.fillStyle = sequential[Math.round(share * (sequential.length - 1))];
      context.fillRect(x, 0, 1, 1);
    }
    return canvas;
  }
})();
