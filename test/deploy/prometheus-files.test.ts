import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { findPrometheus, type PrometheusTools } from '../support/prometheus.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
let tools: PrometheusTools;

beforeAll(async () => {
  tools = await findPrometheus();
});

it('promtool accepts the scrape config with its rules and alerts', async () => {
  const { stdout } = await run(tools.promtool, [
    'check',
    'config',
    `${root}deploy/prometheus/prometheus.yml`,
  ]);
  expect(stdout.match(/SUCCESS/g)?.length).toBeGreaterThanOrEqual(4);
});

it('burn-rate alerts fire on a budget that burns, and not before', async () => {
  const { stdout } = await run(tools.promtool, ['test', 'rules', `${root}test/deploy/fixtures/alerts.yml`]);
  expect(stdout).toContain('SUCCESS');
});

it('the Grafana dashboard asks only for metrics that there are', () => {
  const dashboard = readFileSync(`${root}deploy/grafana/sluice.json`, 'utf8');
  const rules = readFileSync(`${root}deploy/prometheus/rules.yml`, 'utf8');
  const alerts = readFileSync(`${root}deploy/prometheus/alerts.yml`, 'utf8');
  const sources = ['pool-families', 'system-families', 'distributions', 'redis-families', 'process-metrics']
    .map((file) => readFileSync(`${root}src/telemetry/metrics/${file}.ts`, 'utf8'))
    .join('\n');
  const asked = new Set(`${dashboard}${rules}${alerts}`.match(/\bsluice_[a-z_]+/g));
  const missing = [...asked].filter(
    (name) => !sources.includes(`'${name.replace(/_(bucket|sum|count)$/, '')}'`),
  );
  expect(asked.size).toBeGreaterThan(25);
  expect(missing).toEqual([]);
});
