// The first-layer filters as one sheet.
(() => {
  const { laurel } = globalThis;
  const { short, percent } = laurel;

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
    return laurel.panel('filters', canvas, {
      data: [['npy', data.npy]],
      caption: `${data.layer}: ${data.count} filters of ${data.kernel.join('×')}, stride ${data.stride[0]}; weights from ${short(data.range[0])} to ${short(data.range[1])}, RMS ${short(Math.min(...data.rms))} to ${short(Math.max(...data.rms))}, ${dead}. Energy: ${percent(low)} low, ${percent(middle)} middle, ${percent(high)} high frequencies. ${contrast}.`,
    });
  };
})();
