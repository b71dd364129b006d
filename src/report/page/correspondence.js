// The same part covered in several pictures, and how alike the features change.
(() => {
  const { laurel } = globalThis;
  const { h, count } = laurel;
  const cellPx = 200;

  // The palette without its grey, which random boxes have.
  const colourOf = (part) => `s${[0, 1, 3, 4, 5, 6][part % 6]}`;

  laurel.correspondenceView = async () => {
    const data = await laurel.load('correspondence');
    const images = await Promise.all(data.pictures.map(({ image }) => laurel.picture(image)));
    const figures = data.pictures.map(({ name, boxes, random }, i) => {
      const framed = laurel.framed(images[i], boxes[0], cellPx, `${name} with its parts framed`);
      framed.querySelector('.frame').classList.add(colourOf(0));
      boxes.slice(1).forEach((box, part) => {
        framed.append(laurel.frame(images[i], box, cellPx, colourOf(part + 1)));
      });
      framed.append(laurel.frame(images[i], random, cellPx, 'random'));
      return laurel.figure([framed], name);
    });
    const key = data.parts.map((part, i) =>
      h('li', {}, h('i', { className: `swatch ${colourOf(i)}` }), part),
    );
    key.push(h('li', {}, h('i', { className: 'swatch random' }), 'one of the random places'));
    const charts = data.layers.map(({ layer, parts, random }) =>
      laurel.titled(
        layer,
        laurel.spreadChart({
          rows: [
            ...parts.map((each, i) => ({ ...each, name: data.parts[i], colour: colourOf(i) })),
            { ...random, name: 'random', colour: 'random' },
          ],
          reference: random.mean,
          xLabel: 'share of features whose change has another sign',
          label: `Mean sign change in ${layer}: ${parts.map(({ mean }, i) => `${data.parts[i]} ${mean.toFixed(3)}`).join(', ')}, random ${random.mean.toFixed(3)}`,
        }),
      ),
    );
    const many = data.pictures.length;
    const pairs = (many * (many - 1)) / 2;
    return [
      h('h1', { tabIndex: -1 }, 'Correspondence'),
      h(
        'p',
        { className: 'lead' },
        `Does the network know of ${data.parts.join(', ')}? ${many} pictures, ${data.layers.map(({ layer }) => layer).join(' and ')}.`,
      ),
      laurel.panel(
        'correspondence',
        [
          h('div', { className: 'row fixed' }, figures),
          h('ul', { className: 'key across' }, key),
          h('div', { className: 'row charts' }, charts),
        ],
        {
          data: laurel.arrays(data.npy),
          caption: `${count(pairs)} pairs of pictures; ${data.draws} random boxes of the same size for each part and picture, seed ${data.seed}. ± is the standard deviation over pairs.`,
        },
      ),
    ];
  };
})();
