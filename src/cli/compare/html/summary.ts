import type { Comparison } from '../../../simulator/compare/report.js';
import { escaped, tag } from '../../page/svg.js';
import { comparisonRows } from '../text/table.js';

/** The rows of the text table as an HTML table. */
export function summary(comparison: Comparison): string {
  const [header = [], ...rows] = comparisonRows(comparison);
  const head = tag('tr', {}, header.map((cell) => tag('th', {}, escaped(sentence(cell)))).join(''));
  const body = rows.map((row) =>
    tag(
      'tr',
      {},
      row
        .map((cell, k) => {
          if (k === 0) return tag('td', { class: 'name' }, escaped(cell));
          if (k === 1) return tag('td', {}, verdict(cell));
          return tag('td', {}, escaped(cell));
        })
        .join(''),
    ),
  );
  return tag('table', {}, tag('thead', {}, head) + tag('tbody', {}, body.join('')));
}

function verdict(cell: string): string {
  const [kept, all] = cell.split(' of ');
  const good = cell === 'yes' || (all !== undefined && kept === all);
  return cell === '' ? '' : tag('span', { class: good ? 'yes' : 'no' }, escaped(cell));
}

function sentence(text: string): string {
  return (text.charAt(0) + text.slice(1).toLowerCase()).replace('Gpu', 'GPU');
}
