// The data of the report. A page that was opened from a folder may not fetch, but it may load scripts: each data file
// hands itself over with `laurel.put`, and whoever asked for it gets it.
const laurel = (() => {
  const values = new Map();
  const waiting = new Map();

  function put(name, value) {
    values.set(name, value);
    waiting.get(name)?.resolve(value);
    waiting.delete(name);
    if (name === 'site') laurel.start(value);
  }

  /** The value of that name, from `data/NAME.js`. */
  function load(name) {
    if (values.has(name)) return Promise.resolve(values.get(name));
    const known = waiting.get(name);
    if (known) return known.promise;
    const request = Promise.withResolvers ? Promise.withResolvers() : withResolvers();
    waiting.set(name, request);
    const script = document.createElement('script');
    script.src = `data/${name.split('/').map(encodeURIComponent).join('/')}.js`;
    script.onload = () => script.remove();
    script.onerror = () => {
      waiting.delete(name);
      request.reject(new Error(`The file data/${name}.js is missing from this report.`));
    };
    document.head.append(script);
    return request.promise;
  }

  function withResolvers() {
    const request = {};
    request.promise = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
    return request;
  }

  const setting = {
    get(name, otherwise) {
      try {
        return localStorage.getItem(`laurel-${name}`) ?? otherwise;
      } catch {
        return otherwise;
      }
    },
    // Where nothing may be stored, a choice holds until the page is closed.
    set(name, value) {
      try {
        localStorage.setItem(`laurel-${name}`, value);
      } catch {}
    },
  };

  return { put, load, setting };
})();
globalThis.laurel = laurel;
