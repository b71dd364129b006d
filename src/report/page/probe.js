// What each layer tells of the classes: a bar for each.
(() => {
  const { laurel } = globalThis;
  const { h, count } = laurel;

  laurel.probeView = async () => {
    const data = await laurel.load('probe');
    const chance = 100 * (1 - 1 / data.classes);
    const most = Math.max(1, ...data.layers.flatMap(({ test, train }) => [test.top1Error, train.top1Error]));
    const share = (value) => `${(100 * value) / most}%`;
    const rows = data.layers.map(({ layer, features, train, test }) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, name(layer)),
        h(
          'td',
          {},
          h(
            'div',
            { className: 'track probe' },
            h('i', { className: 'bar', style: { width: share(test.top1Error) } }),
            h('i', { className: 'tick', style: { left: share(train.top1Error) } }),
          ),
        ),
        h('td', {}, h('b', {}, test.top1Error.toFixed(2))),
        h('td', {}, test.top5Error.toFixed(2)),
        h('td', {}, train.top1Error.toFixed(2)),
        h('td', {}, features),
      ),
    );
    const head = ['Layer', 'Top-1 error', 'Test top-1, %', 'Test top-5, %', 'Training top-1, %', 'Features'];
    return [
      h('h1', { tabIndex: -1 }, 'What layers are good for'),
      h(
        'p',
        { className: 'lead' },
        `A linear classifier on frozen features, trained on ${count(data.pictures.train)} and tested on ${count(data.pictures.test)} pictures of ${data.data}.`,
      ),
      laurel.panel(
        'probe',
        h(
          'table',
          { className: 'probe' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              head.map((each) => h('th', { scope: 'col' }, each)),
            ),
          ),
          h('tbody', {}, rows),
        ),
        {
          data: [['npy', data.npy]],
          caption: `The longest bar is ${most.toFixed(1)} %; guessing among ${count(data.classes)} classes errs in ${chance.toFixed(1)} %. ${data.epochs} epochs, seed ${data.seed}; errors after the last epoch.`,
        },
      ),
    ];
  };

  function name(layer) {
    const isScanned = laurel.site.layers.some(({ path }) => path === layer);
    return isScanned ? h('a', { href: laurel.layerAddress(layer) }, layer) : layer;
  }
})();
