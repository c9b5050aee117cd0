import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker } from '../../../src/engines/openai/breaker.js';
import { readMetrics } from '../../../src/engines/openai/metrics.js';
import { type Held, roomOf, type Sighting } from '../../../src/engines/openai/room.js';
import { SseParser } from '../../../src/engines/openai/sse.js';

describe('the event stream parser', () => {
  it('finds the same events however the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text));
    const event = fc.record({ data: line, end: fc.constantFrom('\n', '\r\n'), comment: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(40)), (events, cuts) => {
        const text = events
          .map(
            ({ data, end, comment }) =>
              `${comment ? `: hi${end}` : ''}event: x${end}data: ${data}${end}${end}`,
          )
          .join('');
        const bytes = Buffer.from(text);
        const parser = new SseParser();
        const found: string[] = [];
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          found.push(...parser.push(bytes.subarray(from, from + cut)));
          from += cut;
        }
        expect(found).toEqual(events.map(({ data }) => data));
      }),
    );
  });

  it('takes no byte order mark for a part of the first line', () => {
    const bytes = Buffer.from('\ufeffdata: a\n\n');
    const parser = new SseParser();
    expect([...bytes].flatMap((byte) => parser.push(Uint8Array.of(byte)))).toEqual(['a']);
  });

  it('joins the data lines of one event, and needs no space after the colon', () => {
    expect(new SseParser().push(Buffer.from('data:a\ndata: b\n\n\ndata: c\n'))).toEqual(['a\nb']);
  });
});

describe("an engine's metrics", () => {
  it("are read under vLLM's names, summed over its ranks", () => {
    const text = `
# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 200.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 50.0
vllm:generation_tokens_total{engine="0",model_name="m"} 1.5e+06
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="1",num_gpu_blocks="1000"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001"} 0.0`;
    expect(readMetrics(text)).toEqual({
      running: 7,
      waiting: 1,
      kvUsage: 0.5,
      kvTokens: 32_000,
      blockTokens: 16,
      prefixHitRate: 0.25,
      generatedTokens: 1.5e6,
      preemptions: 2,
    });
  });

  it("are read under vLLM's older names", () => {
    const text = [
      'vllm:num_requests_running{model_name="m"} 1',
      'vllm:num_requests_waiting{model_name="m"} 2',
      'vllm:gpu_cache_usage_perc{model_name="m"} 0.1',
      'vllm:gpu_prefix_cache_queries_total{model_name="m"} 10',
      'vllm:gpu_prefix_cache_hits_total{model_name="m"} 1',
    ].join('\n');
    expect(readMetrics(text)).toMatchObject({
      running: 1,
      waiting: 2,
      kvUsage: 0.1,
      kvTokens: null,
      prefixHitRate: 0.1,
    });
  });

  it("are read under SGLang's names; its cache is what is used over its share", () => {
    const text = [
      'sglang:num_running_reqs{model_name="m"} 12.0',
      'sglang:num_queue_reqs{model_name="m"} 3.0',
      'sglang:token_usage{model_name="m"} 0.25',
      'sglang:num_used_tokens{model_name="m"} 5000.0',
      'sglang:cache_hit_rate{model_name="m"} 0.4',
      'sglang:generation_tokens_total{model_name="m"} 7.557572e+06',
    ].join('\n');
    expect(readMetrics(text)).toEqual({
      running: 12,
      waiting: 3,
      kvUsage: 0.25,
      kvTokens: 20_000,
      blockTokens: null,
      prefixHitRate: 0.4,
      generatedTokens: 7_557_572,
      preemptions: null,
    });
  });

  it("are none where they are another server's", () => {
    expect(readMetrics('process_cpu_seconds_total 1\nhttp_requests_total{a="b"} 3')).toBeNull();
    expect(readMetrics('<html>')).toBeNull();
  });
});

describe('the room of an engine', () => {
  const room = (...asked: Parameters<typeof roomOf>) => roomOf(...asked).room;
  const limits = { maxSequences: 10, maxBatchedTokens: 1000, kvTokens: 10_000 };
  const held = (isl: number, maxTokens: number, made: number, transfers = false): Held => ({
    id: 'r',
    isl,
    maxTokens,
    made,
    transfers,
  });
  const seen = (
    running: number,
    waiting: number,
    kvUsage: number,
    mine: Partial<Sighting> = {},
  ): Sighting => ({
    metrics: {
      ...{ running, waiting, kvUsage, kvTokens: null, blockTokens: null },
      ...{ prefixHitRate: null, generatedTokens: null, preemptions: null },
    },
    held: 0,
    heldTokens: 0,
    heldWaiting: 0,
    ...mine,
  });

  it('is bound by sequences', () => {
    expect(room(limits, null, new Set(), 100)).toBe(10);
    expect(room(limits, null, new Set([held(10, 10, 1)]), 100)).toBe(9);
    // 4 run there, one of them ours.
    expect(room(limits, seen(4, 0, 0, { held: 1 }), new Set([held(10, 10, 1)]), 100)).toBe(6);
  });

  it('is bound by the KV that held requests will grow into', () => {
    // (10,000 - 2 x (1,500 + 1,500)) / 1,000 = 4
    expect(room(limits, null, new Set([held(1500, 1500, 1), held(1500, 1500, 9)]), 1000)).toBe(2);
    // The prompts are done, so that only KV binds: 10,000 - 6,000 - others 1,000 = 3,000 of 500 each.
    const mine = { held: 2, heldTokens: 3010 };
    const two = new Set([held(1500, 1500, 1), held(1500, 1500, 9)]);
    expect(room(limits, seen(3, 0, 0.401, mine), two, 500)).toBe(4);
    expect(room({ ...limits, maxBatchedTokens: 5000 }, seen(3, 0, 0.401, mine), two, 500)).toBe(6);
  });

  it('gives back what prompts share', () => {
    const two = new Set([held(4000, 500, 1), held(4000, 500, 1)]);
    // 8,002 tokens in 4,202: 3,800 are shared. (10,000 - 9,000 + 3,800) / 4,000 = 1
    const mine = { held: 2, heldTokens: 8002 };
    expect(room(limits, seen(2, 0, 0.4202, mine), two, 4000)).toBe(1);
    expect(room(limits, null, two, 4000)).toBe(0);
  });

  it('is bound by the prompts that wait for two steps, but not by those whose KV comes from elsewhere', () => {
    // (2 x 1,000 - 1,500) / 300 = 2
    expect(roomOf(limits, null, new Set([held(1500, 10, 0)]), 300).places).toBeGreaterThan(2);
    expect(room(limits, null, new Set([held(1500, 10, 0)]), 300)).toBe(2);
    expect(room(limits, null, new Set([held(1500, 10, 0, true)]), 300)).toBe(7);
    // Three of others wait: 900 tokens of their size.
    expect(room(limits, seen(0, 3, 0), new Set(), 300)).toBe(4);
  });

  it('is one at least where nothing runs, and never negative', () => {
    expect(room(limits, null, new Set(), 1e6)).toBe(1);
    expect(room(limits, null, new Set([held(1e6, 10, 0)]), 1e6)).toBe(0);
    expect(room(limits, seen(100, 0, 1), new Set(), 10)).toBe(0);
  });
});

describe('the circuit breaker', () => {
  const three = (breaker: Breaker, atMs: number) => {
    for (const request of ['a', 'b', 'c']) breaker.failed(request, atMs);
  };

  it('opens after three failed requests in a row, tries one at a time, and closes by one that goes well', () => {
    const breaker = new Breaker();
    for (const request of ['a', 'b']) breaker.failed(request, 0);
    breaker.succeeded();
    for (const request of ['a', 'b']) breaker.failed(request, 0);
    expect(breaker.allows(0)).toBe(true);
    breaker.failed('c', 0);
    expect([breaker.allows(999), breaker.allows(1000)]).toEqual([false, true]);
    breaker.sent();
    expect([breaker.trying, breaker.allows(1000)]).toEqual([true, false]);
    breaker.failed('d', 1000);
    expect([breaker.trying, breaker.allows(2999), breaker.allows(3000)]).toEqual([false, false, true]);
    breaker.sent();
    breaker.undecided();
    expect(breaker.allows(3000)).toBe(true);
    breaker.succeeded();
    expect(breaker.allows(0)).toBe(true);
  });

  it('counts a request that fails again and again once', () => {
    const breaker = new Breaker();
    for (let i = 0; i < 9; i++) breaker.failed('bad', 0);
    expect(breaker.allows(0)).toBe(true);
  });

  it('lets no request wait for a trial longer than four seconds, however many trials failed', () => {
    const breaker = new Breaker();
    three(breaker, 0);
    for (let i = 0; i < 9; i++) {
      breaker.sent();
      breaker.failed(`trial ${i}`, 0);
    }
    expect([breaker.allows(3999), breaker.allows(4000)]).toEqual([false, true]);
  });
});
