import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { AllQueues } from '../../src/queues/all-queues.js';
import { connect } from '../../src/queues/connection.js';
import { renderFamilies } from '../../src/telemetry/metrics/family.js';
import { histogramSamples } from '../../src/telemetry/metrics/histogram.js';
import { systemMetrics } from '../../src/telemetry/metrics/system-metrics.js';
import { bucketOf } from '../../src/telemetry/sketch.js';
import { collectStatus } from '../../src/telemetry/status.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { config, keys, knownRun } from './known-run.js';

let server: TestRedis;
let redis: Redis;
let queues: AllQueues;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  queues = new AllQueues(redis, keys, config);
});
afterAll(async () => {
  await queues.close();
  redis.disconnect();
  await server.stop();
});
beforeEach(() => redis.flushdb());

async function scrape(nowMs: number): Promise<{ text: string; value: (series: string) => number }> {
  const status = (atMs: number) => collectStatus(redis, keys, config, atMs);
  const text = await systemMetrics({ redis, keys, config, status, queues: queues.byName }, nowMs);
  const value = (series: string) => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    if (line === undefined) throw new Error(`no ${series} in\n${text}`);
    return Number(line.slice(series.length));
  };
  return { text, value };
}

it('the monitoring of the specification is right on a run with known answers, in status and metrics alike', async () => {
  const now = Date.now();
  await knownRun(redis, now);
  const status = await collectStatus(redis, keys, config, now);
  const { value } = await scrape(now);
  const [high, low] = [status.pools[0]!, status.pools[1]!];

  // SLO compliance per pool, and the error budget of it.
  expect(high.run.attainment).toBeCloseTo(0.96);
  expect(low.run.attainment).toBeCloseTo(0.7);
  expect(value('sluice_slo_attainment_ratio{pool="high",level="high",window="1h"}')).toBeCloseTo(0.96);
  expect(value('sluice_slo_burn_rate{pool="high",level="high",window="1h"}')).toBeCloseTo(0.8);
  expect(value('sluice_slo_error_budget_remaining_ratio{pool="low",level="low",window="24h"}')).toBeCloseTo(
    -0.5,
  );
  expect(value('sluice_requests_total{pool="high",level="high",outcome="expired"}')).toBe(1);
  expect(value('sluice_requests_attained_total{pool="high",level="high"}')).toBe(96);

  // Cost per SLO level: GPU-hours at 2 USD, and by thousand of 98 x 1000 and 10 x 1000 tokens.
  expect(status.levels.high?.costUsd).toBeCloseTo(8);
  expect(status.levels.low?.costUsd).toBeCloseTo(1);
  expect(value('sluice_level_cost_usd_total{level="high"}')).toBeCloseTo(8);
  expect(value('sluice_level_cost_usd_per_thousand_tokens{level="high"}')).toBeCloseTo(8 / 98);
  expect(value('sluice_level_cost_usd_per_thousand_tokens{level="low"}')).toBeCloseTo(0.1);

  // Scaling efficiency.
  expect(high.scaling.efficiency).toBeCloseTo(0.75);
  expect(value('sluice_scaling_efficiency_ratio{pool="high",level="high"}')).toBeCloseTo(0.75);
  expect(value('sluice_scaling_efficiency_ratio{pool="low",level="low"}')).toBeCloseTo(0.25);

  // Utilisation by SLO priority: since the start, and now (half of the KV blocks of every worker).
  expect(status.priorities.map(({ run }) => run)).toEqual([expect.closeTo(0.75), expect.closeTo(0.25)]);
  expect(value('sluice_priority_utilization_ratio{priority="1",window="run"}')).toBeCloseTo(0.75);
  expect(value('sluice_priority_utilization_ratio{priority="3",window="run"}')).toBeCloseTo(0.25);
  expect(value('sluice_pool_utilization_ratio{pool="high",level="high",window="now"}')).toBeCloseTo(0.5);

  // Tensor-parallel efficiency per pool: by the profile's law, which has its own tests; TP 1 is the measure itself.
  expect(value('sluice_tensor_parallel_degree{pool="high",level="high"}')).toBe(2);
  expect(value('sluice_tensor_parallel_efficiency_ratio{pool="low",level="low"}')).toBe(1);
  const tp2 = value('sluice_tensor_parallel_efficiency_ratio{pool="high",level="high"}');
  expect(tp2).toBe(high.tensorParallel.efficiency);
  expect(tp2).toBeGreaterThan(0.3);
  expect(tp2).toBeLessThan(1);
});

it('every gauge of the status is told by the same number', async () => {
  const now = Date.now();
  await knownRun(redis, now);
  const status = await collectStatus(redis, keys, config, now);
  const { value } = await scrape(now);
  for (const each of status.pools) {
    const labels = `{pool="${each.name}",level="${each.level}"`;
    expect(value(`sluice_gpu_seconds_total${labels}}`)).toBe(each.gpuSeconds);
    expect(value(`sluice_cost_usd_total${labels}}`)).toBe(each.costUsd);
    expect(value(`sluice_requests_routed_total${labels}}`)).toBe(each.counts.routed);
    expect(value(`sluice_slo_attainment_ratio${labels},window="1m"}`)).toBe(each.minute.attainment);
  }
});

it('latency histograms count every request, and those within a target exactly', async () => {
  const now = Date.now();
  await knownRun(redis, now);
  const { value } = await scrape(now);
  const ttft = (le: string) =>
    value(`sluice_time_to_first_token_seconds_bucket{pool="high",level="high",le="${le}"}`);
  expect([ttft('0.1'), ttft('0.3'), ttft('1'), ttft('+Inf')]).toEqual([0, 96, 98, 98]);
  expect(value('sluice_time_to_first_token_seconds_sum{pool="high",level="high"}')).toBeCloseTo(
    96 * 0.2 + 1.8,
  );
  expect(value('sluice_request_duration_seconds_count{pool="high",level="high"}')).toBe(98);
  expect(value('sluice_request_queue_time_seconds_sum{pool="low",level="low"}')).toBeCloseTo(0.5);
  expect(value('sluice_inter_token_latency_seconds_bucket{pool="high",level="high",le="0.03"}')).toBe(98);
});

it('what is unknown has no sample', async () => {
  const { text } = await scrape(Date.now());
  expect(text).not.toMatch(/NaN|null|undefined/);
  expect(text).not.toContain('sluice_slo_attainment_ratio');
  expect(text).toContain('bullmq_job_count{queue="high.decode",state="active"} 0');
});

it('a histogram counts a sample in the first bucket that holds it', () => {
  const buckets = new Map([
    [bucketOf(0.02), 3],
    [bucketOf(0.5), 1],
  ]);
  const samples = histogramSamples({ pool: 'p' }, { buckets, sum: 0.56 }, [0.01, 0.025, 1]);
  expect(samples.map(({ suffix, value }) => `${suffix}${value}`)).toEqual([
    '_bucket0',
    '_bucket3',
    '_bucket4',
    '_bucket4',
    '_sum0.56',
    '_count4',
  ]);
});

it('label values and help texts are escaped', () => {
  const labels = { name: 'a"b\\c\nd' };
  const text = renderFamilies([{ name: 'm', type: 'gauge', help: 'x\ny', samples: [{ labels, value: 1 }] }]);
  expect(text).toBe('# HELP m x\\ny\n# TYPE m gauge\nm{name="a\\"b\\\\c\\nd"} 1\n');
});
