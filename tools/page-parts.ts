// Computed parts of the pages in docs: what stands between <!-- NAME --> and <!-- /NAME --> is made by a program.

const block = (name: string): RegExp => new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);

/** `text` with its parts filled in; `page` names it in the error that a missing part gives. */
export function fillParts(page: string, text: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((filled, [name, part]) => {
    if (!block(name).test(filled)) throw new Error(`${page} has no <!-- ${name} --> part.`);
    return filled.replace(block(name), (_, start: string, end: string) => `${start}${part}\n${end}`);
  }, text);
}

/** A Markdown table. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, heading.map(() => '---'), ...rows];
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
