import { escaped, linear, tag } from '../../page/svg.js';

export interface Bar {
  name: string;
  /** 0..1 of static full. */
  share: number;
  kept: boolean;
}

const WIDTH = 1080;
const ROW = 22;
const LEFT = 210;
const RIGHT = 60;

/** GPU-hours of each policy as a share of the whole budget; a line at the oracle's bound. */
export function bars(rows: readonly Bar[], bound: number | null): string {
  const x = linear([0, Math.max(1, ...rows.map(({ share }) => share))], [LEFT, WIDTH - RIGHT]);
  const height = rows.length * ROW + (bound === null ? 6 : 22);
  const parts = rows.flatMap(({ name, share, kept }, k) => {
    const y = k * ROW + 3;
    return [
      tag('text', { class: 'bar-name', x: LEFT - 10, y: y + 13, 'text-anchor': 'end' }, escaped(name)),
      tag('rect', {
        class: kept ? 'bar kept' : 'bar broken',
        x: LEFT,
        y,
        width: x(share) - LEFT,
        height: ROW - 6,
        rx: 2,
      }),
      tag('text', { class: 'bar-value', x: x(share) + 6, y: y + 13 }, share.toFixed(3)),
    ];
  });
  if (bound !== null) {
    const at = x(bound);
    parts.push(
      tag('line', { class: 'bound', x1: at, x2: at, y1: 0, y2: rows.length * ROW + 2 }),
      tag(
        'text',
        { class: 'bar-value', x: at, y: height - 6, 'text-anchor': 'middle' },
        `hour-by-hour bound ${bound.toFixed(3)}`,
      ),
    );
  }
  return tag('svg', { viewBox: `0 0 ${WIDTH} ${height}`, class: 'bars', role: 'img' }, parts.join(''));
}
