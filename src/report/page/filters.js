// The first-layer filters as one sheet.
(() => {
  const { laurel } = globalThis;
  const { h, short, percent } = laurel;

  laurel.filterPanel = async () => {
    const data = await laurel.load('filters');
    const shared = laurel.scale() === 'shared';
    const image = await laurel.picture(shared ? data.shared : data.own);
    // Whole px for each weight, so that all are equally large.
    const side = Math.max(data.width, data.height) * Math.max(1, Math.min(16, Math.floor(900 / data.width)));
    const canvas = laurel.part(
      image,
      [0, 0, data.height, data.width],
      side,
      `${data.count} filters of ${data.layer}`,
    );
    canvas.classList.add('pixels', 'sheet-of-filters');
    canvas.style.height = '';
    const { low, middle, high } = data.bands;
    const dead =
      data.dead.length === 0
        ? 'none is without weight'
        : `${data.dead.length} without weight: ${data.dead.join(', ')}`;
    const contrast = shared
      ? `One scale, full contrast at ±${short(data.scale)}, ${percent(data.clipped)} of the weights clipped`
      : 'Each filter at its own full contrast, nothing clipped';
    return laurel.panel('filters', [canvas, await charts(data)], {
      data: [
        ['npy', data.npy],
        ['spectrum.npy', data.spectrum.npy],
      ],
      caption: `${data.layer}: ${data.count} filters of ${data.kernel.join('×')}, stride ${data.stride[0]}; weights from ${short(data.range[0])} to ${short(data.range[1])}, RMS ${short(Math.min(...data.rms))} to ${short(Math.max(...data.rms))}, ${dead}. Energy: ${percent(low)} low, ${percent(middle)} middle, ${percent(high)} high frequencies; dashed: RMS of 0.1, above which ZFNet scales a filter back; dotted: what the stride can tell apart. ${contrast}.`,
    });
  };

  /** What the filters weigh, and the frequencies that they cover. */
  async function charts({ rms, spectrum, stride, layer }) {
    const { edges, shares, picture } = spectrum;
    const middles = shares.map((_, i) => (edges[i] + edges[i + 1]) / 2);
    const image = await laurel.picture(picture);
    const limit = 0.5 / Math.max(...stride);
    const mean = laurel.part(
      image,
      [0, 0, image.naturalHeight, image.naturalWidth],
      160,
      `Mean spectrum of ${layer}`,
    );
    mean.classList.add('pixels');
    return h(
      'div',
      { className: 'row charts' },
      laurel.titled(
        'RMS of the filters',
        laurel.barChart({
          values: rms,
          high: laurel.roundUp(Math.max(...rms), 3),
          limit: 0.1,
          label:
            'RMS of each filter, the heaviest first; the dashed line is 0.1, above which ZFNet scales back',
        }),
      ),
      laurel.titled(
        'Energy by frequency',
        laurel.lineChart({
          xs: middles,
          series: [[shares, 's0']],
          high: laurel.roundUp(Math.max(...shares)),
          xLabel: 'cycles per px',
          ...(limit < 0.5 && { mark: limit }),
          label:
            'Share of the energy of the filters by frequency; the dotted line is what the stride can tell apart',
        }),
      ),
      laurel.titled('Mean spectrum', mean),
    );
  }
})();
