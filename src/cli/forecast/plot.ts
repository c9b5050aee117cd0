import type { Backtest } from '../../forecast/backtest/backtest.js';
import { type ChartPanel, escapeXml, svgChart } from '../chart/svg.js';
import { type ForecastReport, renderForecast } from './report.js';

/** Columns that a panel is drawn with: more points are taken together. */
const COLUMNS = 1400;

/** A panel for each model: what was forecast of the first window after each bin, and what came. */
export function plotForecast(report: ForecastReport): string {
  const { series, windows, results } = report;
  const [first] = windows;
  const span = `${((first?.from ?? 1) - 1) * series.binSeconds} to ${(first?.to ?? 1) * series.binSeconds} s`;
  const panels = results.map((result) => panelOf(result, series.binSeconds));
  return svgChart(
    `${series.source}: largest rate of a bin ${span} ahead, as forecast and as it came`,
    panels,
  );
}

/** The same in a page, with the tables below it. */
export function plotPage(report: ForecastReport, rates: readonly number[]): string {
  const title = escapeXml(`sluice forecast: ${report.series.source}`);
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>`,
    '<body style="margin:16px;font-family:system-ui,sans-serif">',
    plotForecast(report).replace('<svg ', '<svg style="max-width:100%;height:auto" '),
    `<pre>${escapeXml(renderForecast(report, rates))}</pre>`,
    '</body></html>',
    '',
  ].join('\n');
}

function panelOf({ model, points, losses }: Backtest, binSeconds: number): ChartPanel {
  const size = Math.max(1, Math.ceil(points.length / COLUMNS));
  const columns: { x: number; actual: number; median: number; high: number }[] = [];
  for (let at = 0; at < points.length; at += size) {
    const part = points.slice(at, at + size);
    const mean = (value: (point: (typeof part)[number]) => number) =>
      part.reduce((sum, point) => sum + value(point), 0) / part.length;
    columns.push({
      x: (part[0]?.bin ?? 0) * binSeconds,
      actual: mean(({ actual }) => actual),
      median: mean(({ quantiles }) => quantiles[0] ?? 0),
      high: mean(({ quantiles }) => quantiles[2] ?? 0),
    });
  }
  const kept = (100 * (losses[0]?.coverage[2] ?? 0)).toFixed(1);
  const apart = size > 1 ? `, means of ${size} bins` : '';
  return {
    title: `${model} (${kept} % within the 0.95 quantile)`,
    yLabel: `requests/s${apart}`,
    bands: [
      {
        name: 'median to 0.95',
        colour: '#7fb2e5',
        points: columns.map(({ x, median, high }) => [x, median, high]),
      },
    ],
    lines: [
      {
        name: 'what came',
        colour: '#333333',
        points: columns.map(({ x, actual }) => [x, actual]),
        width: 0.9,
      },
      { name: 'median', colour: '#1565c0', points: columns.map(({ x, median }) => [x, median]), width: 0.9 },
    ],
  };
}
