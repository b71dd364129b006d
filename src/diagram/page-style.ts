// The look and the behaviour of the page. Lines are borders: each branch draws its half of the line that fans out
// above it and of the one that comes together below it, so that the browser lays everything out by itself.

/** The colours, light and dark, as custom properties. */
export const themeStyle = `
:root { color-scheme: light dark; --paper: #fff; --text: #1f2933; --muted: #5b6776; --line: #7b8794; --frame: #9aa5b1;
  --conv: #e3f0f9; --conv-line: #0072b2; --linear: #e0f3ec; --linear-line: #007a59; --pool: #fdeadb;
  --pool-line: #c45100; --norm: #f8ebf3; --norm-line: #b0578a; --join: #fbf1d9; --join-line: #a06a00;
  --other: #eef0f3; --other-line: #5b6776; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { --paper: #14181d; --text: #e6eaee;
  --muted: #a3adb8; --line: #8a95a1; --frame: #5d6874; --conv: #12324a; --conv-line: #56b4e9; --linear: #10382d;
  --linear-line: #2fc39a; --pool: #45260f; --pool-line: #f08a4b; --norm: #3c2232; --norm-line: #dd8fb8;
  --join: #3d3010; --join-line: #e0ad3c; --other: #262c33; --other-line: #a3adb8; } }
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; --paper: #14181d; --text: #e6eaee; --muted: #a3adb8; --line: #8a95a1;
  --frame: #5d6874; --conv: #12324a; --conv-line: #56b4e9; --linear: #10382d; --linear-line: #2fc39a;
  --pool: #45260f; --pool-line: #f08a4b; --norm: #3c2232; --norm-line: #dd8fb8; --join: #3d3010;
  --join-line: #e0ad3c; --other: #262c33; --other-line: #a3adb8; }
`;

/** The pieces of a diagram; `themeStyle` goes before it. */
export const diagramStyle = `
.series { display: flex; flex-direction: column; align-items: center; }
.edge { position: relative; flex: none; width: 1.5px; height: 28px; background: var(--line); }
.edge::after { content: ''; position: absolute; bottom: 0; left: -3.5px; border: 4px solid transparent;
  border-top: 7px solid var(--line); border-bottom: 0; }
.edge.plain::after { content: none; }
.edge.short { height: 14px; }
.edge > span { position: absolute; left: 8px; top: 3px; font-size: 11.5px; color: var(--muted); white-space: nowrap; }
.box { width: 196px; padding: 5px 9px 6px; border: 1.5px solid var(--other-line); border-radius: 7px;
  background: var(--other); text-align: center; }
.box b { display: block; }
.box small { display: flex; justify-content: space-between; gap: 10px; color: var(--muted); font-size: 11.5px; }
.box small.notes { justify-content: center; }
.convolution { background: var(--conv); border-color: var(--conv-line); }
.linear { background: var(--linear); border-color: var(--linear-line); }
.pool { background: var(--pool); border-color: var(--pool-line); }
.normalisation, .activation { background: var(--norm); border-color: var(--norm-line); }
.input { background: var(--paper); }
.join { width: auto; padding: 2px 12px; border-radius: 99px; background: var(--join);
  border-color: var(--join-line); font-size: 12px; }
details { border: 1.5px dashed var(--frame); border-radius: 10px; }
details.repeated { border-style: solid; box-shadow: 4px 4px 0 -1px var(--paper), 4px 4px 0 0 var(--frame); }
details:not([open]) { border-style: solid; background: var(--other); }
summary { cursor: pointer; padding: 5px 12px; display: flex; gap: 18px; justify-content: space-between;
  border-radius: 9px; font-size: 12.5px; min-width: 196px; }
summary::before { content: '\\25B8'; color: var(--muted); margin-right: -12px; }
details[open] > summary::before { content: '\\25BE'; }
summary b { flex: 1; }
summary span { color: var(--muted); }
details > .series { padding: 0 14px; }
.parallel { display: flex; }
.branch { position: relative; display: flex; flex-direction: column; align-items: center; padding: 0 10px; }
.branch::before, .branch::after { content: ''; position: absolute; height: 1.5px; background: var(--line);
  left: 0; right: 0; }
.branch::before { top: 0; }
.branch::after { bottom: 0; }
.branch:first-child::before, .branch:first-child::after { left: calc(50% - 0.75px); }
.branch:last-child::before, .branch:last-child::after { right: calc(50% - 0.75px); }
.tail { position: relative; flex: 1 0 26px; width: 1.5px; background: var(--line); }
.tail > span { position: absolute; left: 8px; bottom: 4px; font-size: 11.5px; color: var(--muted); white-space: nowrap; }
.bare { min-width: 56px; }
`;

export const pageStyle = `${themeStyle}* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--text); font: 14px/1.35 system-ui, sans-serif; }
header { padding: 20px 28px 8px; max-width: 76em; }
h1 { font-size: 24px; margin: 0 0 4px; }
header p { margin: 0 0 10px; color: var(--muted); }
button { font: inherit; color: inherit; background: var(--other); border: 1px solid var(--frame);
  border-radius: 6px; padding: 4px 12px; margin: 0 6px 6px 0; cursor: pointer; }
:focus-visible { outline: 3px solid var(--conv-line); outline-offset: 2px; }
main { padding: 16px 28px 48px; overflow-x: auto; }
main > .series { width: max-content; min-width: 100%; }
${diagramStyle}@media print { button { display: none; } }
`;

export const pageScript = `
const blocks = () => document.querySelectorAll('details');
document.getElementById('unfold').onclick = () => blocks().forEach((block) => { block.open = true; });
document.getElementById('fold').onclick = () => blocks().forEach((block) => { block.open = false; });
document.getElementById('theme').onclick = () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
};
`;
