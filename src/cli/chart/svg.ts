import { linearScale } from './scale.js';

/** Points are [x, y] in order of x; a null y breaks the line. */
export interface ChartLine {
  name: string;
  colour: string;
  points: readonly (readonly [x: number, y: number | null])[];
  width?: number;
  /** Changes at its points only, as counts of workers do. */
  steps?: boolean;
}

/** The area between two lines. */
export interface ChartBand {
  name: string;
  colour: string;
  points: readonly (readonly [x: number, low: number, high: number])[];
}

export interface ChartPanel {
  title: string;
  yLabel: string;
  bands?: readonly ChartBand[];
  lines: readonly ChartLine[];
}

const WIDTH = 1100;
const PANEL_HEIGHT = 250;
const MARGIN = { left: 62, right: 16, top: 46, bottom: 30 };
/** Seconds that ticks of a time axis stand apart. */
const TIME_UNITS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** Panels over one axis of seconds, one below the other, as an SVG document that needs nothing else. */
export function svgChart(title: string, panels: readonly ChartPanel[]): string {
  const height = 34 + panels.length * PANEL_HEIGHT;
  const xs = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([x]) => x)));
  const range: [number, number] = [least(xs), most(xs)];
  const body = panels.map((panel, i) => drawPanel(panel, range, 34 + i * PANEL_HEIGHT));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"` +
      ' font-family="system-ui, sans-serif" font-size="12" fill="#222">',
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="15" font-weight="600">${escapeXml(title)}</text>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(panel: ChartPanel, range: readonly [number, number], top: number): string {
  const { lines, bands = [] } = panel;
  const high = most([
    ...lines.flatMap(({ points }) => points.map(([, y]) => y ?? 0)),
    ...bands.flatMap(({ points }) => points.map(([, , y]) => y)),
  ]);
  const bottom = top + PANEL_HEIGHT - MARGIN.bottom;
  const x = linearScale(range, [MARGIN.left, WIDTH - MARGIN.right], 10, TIME_UNITS);
  const y = linearScale([0, high > 0 ? high * 1.05 : 1], [bottom, top + MARGIN.top], 5);
  const out = [
    `<text x="${MARGIN.left}" y="${top + 16}" font-weight="600">${escapeXml(panel.title)}</text>`,
    `<text x="${MARGIN.left}" y="${top + 32}" fill="#666">${escapeXml(panel.yLabel)}</text>`,
    legend([...bands, ...lines], top + 16),
  ];
  for (const tick of y.ticks) {
    const at = y.place(tick).toFixed(1);
    out.push(`<path d="M${MARGIN.left} ${at}H${WIDTH - MARGIN.right}" stroke="#e4e4e4"/>`);
    out.push(`<text x="${MARGIN.left - 6}" y="${at}" dy="4" text-anchor="end">${short(tick)}</text>`);
  }
  for (const tick of x.ticks) {
    const at = x.place(tick).toFixed(1);
    out.push(`<text x="${at}" y="${bottom + 18}" text-anchor="middle">${clock(tick, range[1])}</text>`);
  }
  for (const { points, colour } of bands) {
    const upper = points.map(([px, , high]) => `${x.place(px).toFixed(1)} ${y.place(high).toFixed(1)}`);
    const lower = points.map(([px, low]) => `${x.place(px).toFixed(1)} ${y.place(low).toFixed(1)}`).reverse();
    if (points.length > 0)
      out.push(`<path d="M${[...upper, ...lower].join('L')}Z" fill="${colour}" fill-opacity="0.3"/>`);
  }
  for (const line of lines) {
    const d = pathOf(line, x.place, y.place);
    if (d !== '')
      out.push(`<path d="${d}" fill="none" stroke="${line.colour}" stroke-width="${line.width ?? 1.2}"/>`);
  }
  return out.join('\n');
}

function pathOf(line: ChartLine, placeX: (x: number) => number, placeY: (y: number) => number): string {
  let d = '';
  let open = false;
  for (const [x, y] of line.points) {
    if (y === null) {
      open = false;
      continue;
    }
    const [px, py] = [placeX(x).toFixed(1), placeY(y).toFixed(1)];
    d += !open ? `M${px} ${py}` : line.steps === true ? `H${px}V${py}` : `L${px} ${py}`;
    open = true;
  }
  return d;
}

function legend(entries: readonly { name: string; colour: string }[], y: number): string {
  let right = WIDTH - MARGIN.right;
  return [...entries]
    .reverse()
    .map(({ name, colour }) => {
      right -= 7 * name.length + 30;
      return (
        `<rect x="${right}" y="${y - 9}" width="14" height="9" fill="${colour}"/>` +
        `<text x="${right + 19}" y="${y}">${escapeXml(name)}</text>`
      );
    })
    .join('');
}

/** Seconds as a reader wants them: days and hours, hours and minutes, or minutes and seconds, by what the axis spans. */
function clock(seconds: number, span: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (span >= 2 * 86_400) {
    const hours = Math.round((seconds % 86_400) / 3600);
    return hours === 0 ? `day ${Math.floor(seconds / 86_400)}` : `${hours} h`;
  }
  if (span >= 7200) return `${Math.floor(seconds / 3600)}:${two((seconds % 3600) / 60)} h`;
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), values[0] ?? 0);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), values[0] ?? 0);
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
