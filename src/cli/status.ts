// One line on the terminal that is redrawn while a verb is busy; nothing where stderr is no terminal.
export interface StatusLine {
  show(text: string): void;
  /** A remark that stays, above the line. */
  note(text: string): void;
  clear(): void;
}

/** Of a process that has nothing to say. */
export const noStatusLine: StatusLine = { show() {}, note() {}, clear() {} };

const redrawMs = 100;

export function statusLine(stream: NodeJS.WriteStream = process.stderr): StatusLine {
  let drawn = false;
  let lastDraw = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (drawn) stream.write('\r\x1b[K');
    drawn = false;
  };
  return {
    show(text) {
      if (!stream.isTTY || performance.now() - lastDraw < redrawMs) return;
      lastDraw = performance.now();
      // A full line would wrap, and could not be redrawn.
      stream.write(`\r${text.slice(0, stream.columns - 1)}\x1b[K`);
      drawn = true;
    },
    note(text) {
      clear();
      stream.write(`${text}\n`);
    },
    clear,
  };
}
