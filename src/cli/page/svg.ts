/** Text for an attribute or an element. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** An element; numbers are cut to a tenth of a pixel. */
export function tag(name: string, attributes: Readonly<Record<string, string | number>>, inner = ''): string {
  const text = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? short(value) : escaped(value)}"`)
    .join('');
  return `<${name}${text}>${inner}</${name}>`;
}

export function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** From a value to a pixel, evenly. */
export type Scale = (value: number) => number;

export function linear(
  [from, to]: readonly [number, number],
  [first, last]: readonly [number, number],
): Scale {
  const span = to - from || 1;
  return (value) => first + ((value - from) / span) * (last - first);
}

/** As `linear`, by the logarithm; values outside are put at the ends. */
export function logarithmic([from, to]: readonly [number, number], pixels: readonly [number, number]): Scale {
  const scale = linear([Math.log(from), Math.log(to)], pixels);
  return (value) => scale(Math.log(Math.min(to, Math.max(from, value))));
}

/** Round values that divide a range into about so many parts. */
export function ticks(most: number, parts: number): number[] {
  const raw = most / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= raw) ?? raw;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, k) => k * step);
}

/** A line through points; null breaks it. */
export function path(points: readonly (readonly [number, number | null])[]): string {
  let text = '';
  let pen = false;
  for (const [x, y] of points) {
    if (y !== null) text += `${pen ? 'L' : 'M'}${short(x)} ${short(y)}`;
    pen = y !== null;
  }
  return text;
}

/** A line that holds each value until the next point. */
export function steps(points: readonly (readonly [number, number])[], end: number): string {
  let text = '';
  for (const [k, [x, y]] of points.entries())
    text += k === 0 ? `M${short(x)} ${short(y)}` : `H${short(x)}V${short(y)}`;
  return `${text}H${short(end)}`;
}
