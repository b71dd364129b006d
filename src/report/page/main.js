// Where the page is, by its address: `#/` the start, `#/layer`, `#/layer/unit`, `#pictures/0`; keys, scale and theme.
(() => {
  const { laurel } = globalThis;
  const { h } = laurel;
  const [view, home] = [document.getElementById('view'), document.getElementById('home')];
  let scale = laurel.setting.get('scale', 'own');
  let turn = 0;

  laurel.scale = () => scale;

  laurel.start = (site) => {
    laurel.site = site;
    prepareDiagram();
    setScale(scale);
    addEventListener('hashchange', () => show(true));
    show(false);
  };

  function place() {
    const picture = /^#pictures\/(\d+)$/.exec(location.hash);
    if (picture) return { kind: 'picture', index: Number(picture[1]) };
    const experiment = laurel.site.experiments.find(({ address }) => location.hash === `#${address}`);
    if (experiment) return { kind: 'experiment', experiment };
    if (/^#[a-z]/.test(location.hash)) return { kind: 'nowhere' };
    const [, path = '', unit] = location.hash.split('/');
    if (path === '') return { kind: 'home' };
    const layer = laurel.site.layers.find((each) => each.path === decodeURIComponent(path));
    return { kind: unit === undefined ? 'layer' : 'unit', path, layer, unit: Number(unit) };
  }

  async function show(moved) {
    const mine = ++turn;
    const at = place();
    laurel.onScale = undefined;
    laurel.onStep = undefined;
    let content;
    try {
      content = await contentOf(at);
    } catch (error) {
      content = [h('h1', { tabIndex: -1 }, 'Not here'), h('p', { className: 'lead' }, error.message)];
    }
    // Who browses faster than the files load sees the last place.
    if (mine !== turn) return;
    home.hidden = content !== undefined;
    view.hidden = content === undefined;
    view.replaceChildren(...(content ?? []));
    const title = showPath(at);
    document.title = title;
    document.body.dataset.place = location.hash || '#/';
    if (!moved) return;
    scrollTo(0, 0);
    (content === undefined ? home : view).querySelector('h1')?.focus({ preventScroll: true });
  }

  async function contentOf(at) {
    if (at.kind === 'home') {
      await showFilters();
      laurel.onScale = showFilters;
      return undefined;
    }
    if (at.kind === 'picture') {
      if (laurel.site.views[at.index]) return laurel.pictureView(at.index);
      throw new Error(`This report has no picture ${at.index}; it has ${laurel.site.views.length}.`);
    }
    if (at.kind === 'experiment') return laurel[`${at.experiment.kind}View`](at.experiment);
    if (at.kind === 'nowhere') {
      const addresses = laurel.site.experiments.map(({ address }) => `#${address}`).join(', ');
      throw new Error(`This report has no ${location.hash}; its experiments are ${addresses}.`);
    }
    if (!at.layer) {
      const paths = laurel.site.layers.map(({ path }) => path).join(', ');
      throw new Error(
        `No layer ${decodeURIComponent(at.path)} was scanned for this report; there are ${paths}.`,
      );
    }
    if (at.kind === 'layer') return laurel.layerView(at.layer);
    if (at.unit >= 0 && at.unit < at.layer.units && Number.isInteger(at.unit))
      return laurel.unitView(at.layer, at.unit);
    throw new Error(`${at.layer.path} has no such map; its maps are 0 to ${at.layer.units - 1}.`);
  }

  async function showFilters() {
    const slot = document.getElementById('filters');
    if (slot) slot.replaceChildren(await laurel.filterPanel());
  }

  /** The way here, above the page; gives its title. */
  function showPath(at) {
    const start = document.querySelector('#path li');
    const steps = [];
    if (at.layer) steps.push([at.layer.path, laurel.layerAddress(at.layer.path)]);
    if (at.layer && at.kind === 'unit') steps.push([`map ${at.unit}`, location.hash]);
    if (at.kind === 'picture') steps.push([laurel.site.views[at.index]?.name ?? 'picture', location.hash]);
    if (at.kind === 'experiment') steps.push([at.experiment.title, location.hash]);
    const items = steps.map(([text, href], i) => {
      const link = h('a', { href }, text);
      if (i === steps.length - 1) link.setAttribute('aria-current', 'page');
      return h('li', {}, link);
    });
    document.getElementById('path').replaceChildren(start, ...items);
    return [start.textContent, ...steps.map(([text]) => text)].reverse().join(' · ');
  }

  /** Boxes whose layer was scanned become links. */
  function prepareDiagram() {
    const slot = document.getElementById('diagram');
    const { layers } = laurel.site;
    for (const element of slot.querySelectorAll('[data-path]')) {
      const { path } = element.dataset;
      if (!layers.some((layer) => layer.path === path)) continue;
      element.classList.add('scanned');
      const name = element.querySelector(element.tagName === 'DETAILS' ? ':scope > summary b' : 'b');
      name.replaceChildren(h('a', { href: laurel.layerAddress(path) }, ...name.childNodes));
    }
    slot.hidden = false;
    // What scrolls must be reached by the keyboard.
    Object.assign(slot, { tabIndex: 0, role: 'group', ariaLabel: 'The network as a diagram' });
    const panel = laurel.panel('diagram', slot, { name: 'diagram' });
    // A drawing made of boxes and lines is saved as one by `laurel draw`.
    panel.querySelector('.actions').remove();
    home.append(panel);
  }

  function setScale(next) {
    scale = next === 'shared' ? 'shared' : 'own';
    laurel.setting.set('scale', scale);
    for (const button of document.querySelectorAll('[data-scale]')) {
      button.setAttribute('aria-pressed', String(button.dataset.scale === scale));
    }
    laurel.onScale?.();
  }

  function toggleTheme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    laurel.setting.set('theme', root.dataset.theme);
  }

  function move(step, isShifted, isSideways) {
    const at = place();
    const { layers, views, experiments } = laurel.site;
    const around = (index, count) => (index + step + count) % count;
    if (at.kind === 'picture' && isSideways) location.hash = `#pictures/${around(at.index, views.length)}`;
    if (at.kind === 'experiment' && isSideways) {
      // Where there are moments to step through, Shift leads on.
      if (laurel.onStep && !isShifted) laurel.onStep(step);
      else
        location.hash = `#${experiments[around(experiments.indexOf(at.experiment), experiments.length)].address}`;
      return true;
    }
    if (!at.layer) return false;
    if (!isSideways || at.kind === 'layer') {
      location.hash = laurel.layerAddress(layers[around(layers.indexOf(at.layer), layers.length)].path);
    } else {
      location.hash = laurel.layerAddress(
        at.layer.path,
        laurel.neighbour(at.layer, at.unit, step, isShifted),
      );
    }
    return true;
  }

  const arrows = {
    ArrowLeft: [-1, true],
    ArrowRight: [1, true],
    ArrowUp: [-1, false],
    ArrowDown: [1, false],
  };

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !laurel.site) return;
    const arrow = arrows[event.key];
    if (arrow) {
      const [step, isSideways] = arrow;
      // Up and down alone scroll the page.
      if (!isSideways && !event.shiftKey) return;
      if (move(step, event.shiftKey, isSideways)) event.preventDefault();
    } else if (event.key.toLowerCase() === 's') setScale(scale === 'own' ? 'shared' : 'own');
    else if (event.key.toLowerCase() === 'd') toggleTheme();
    else if (event.key.toLowerCase() === 'h') location.hash = '#/';
  });

  for (const button of document.querySelectorAll('[data-scale]')) {
    button.addEventListener('click', () => setScale(button.dataset.scale));
  }
  document.getElementById('skip').addEventListener('click', (event) => {
    // The address says where the reader is, so it is not changed for a jump.
    event.preventDefault();
    document.querySelector('main:not([hidden])').focus();
  });
  document.getElementById('theme').addEventListener('click', toggleTheme);
  const theme = laurel.setting.get('theme', '');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
