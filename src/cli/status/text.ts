/** Colours of a terminal, by SGR code. */
const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof CODES;

/** A text with the colour that it is shown in; what is measured is the text alone. */
export interface Cell {
  text: string;
  colour?: Colour | undefined;
}

/** One line: its cells stand one after another. */
export type Line = readonly Cell[];

/**
 * Makes a text from outside safe for a terminal: control characters (which could move the cursor or change colours),
 * and those that reorder or break lines, are shown as escapes.
 */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

export function cell(text: string, colour?: Colour): Cell {
  return { text: clean(text), colour };
}

/** Lines as text, each cut to `width` characters. */
export function paint(lines: readonly Line[], options: { colour: boolean; width: number }): string {
  return lines.map((line) => paintLine(line, options)).join('\n');
}

function paintLine(line: Line, { colour, width }: { colour: boolean; width: number }): string {
  let room = width;
  let painted = '';
  for (const { text, colour: name } of line) {
    const characters = [...text];
    const shown =
      characters.length <= room ? text : `${characters.slice(0, Math.max(0, room - 1)).join('')}~`;
    if (room > 0 && text !== '')
      painted += colour && name !== undefined ? `\x1b[${CODES[name]}m${shown}\x1b[0m` : shown;
    room -= characters.length;
  }
  return painted.trimEnd();
}

/** Rows in columns, two spaces between; a column stands left when its heading does (`left`), else right. */
export function table(heading: readonly string[], rows: readonly Line[], left: readonly number[]): Line[] {
  const all: Line[] = [heading.map((text) => cell(text, 'dim')), ...rows];
  const widths = heading.map((_, at) => Math.max(...all.map((row) => [...(row[at]?.text ?? '')].length)));
  return all.map((row) =>
    row.flatMap(({ text, colour }, at): Cell[] => {
      const gap = ' '.repeat(Math.max(0, (widths[at] ?? 0) - [...text].length));
      const padding = { text: gap };
      const body = { text, colour };
      const cells = left.includes(at) ? [body, padding] : [padding, body];
      return at === 0 ? cells : [{ text: '  ' }, ...cells];
    }),
  );
}

/** Seconds as 850ms, 4.2s, 3m12s, 2h05m. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** A share 0..1 in percent; "-" when unknown. */
export function percent(share: number | null, digits = 0): string {
  return share === null ? '-' : `${(share * 100).toFixed(digits)}%`;
}
