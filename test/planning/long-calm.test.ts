import { describe, expect, test } from 'vitest';
import { decide } from '../../src/planning/decide.js';
import { granted, memory, modelled, observation, policy, T } from './support.js';

describe('without cost optimisation, at its limit of two workers', () => {
  const plain = policy({ gpuCeiling: 2, maxWorkers: 2 });
  /** Hours after the last order for more, at a tenth of what a worker does. */
  const calm = (seen: Parameters<typeof observation>[0] = {}) =>
    decide({
      observation: observation({ ready: 2, arrivals: 0.4, running: 1, grant: granted(2), ...seen }),
      policy: plain,
      facts: modelled,
      memory: memory(2, { lastMoreAtMs: T - 10_000_000 }),
      now: T,
    });

  test('a worker goes after a long calm', () => {
    expect(calm().fewer?.replicas).toEqual({ prefill: 0, decode: 1 });
  });

  test.each([
    ['late requests of a backlog end', { latency: { requests: 1926, ttftSeconds: 672, violationShare: 1 } }],
    // 3000 tokens / (2 x 1000 tokens/s) / 1 s = 1.5 over 0.5: 6 workers.
    ['prompts queue', { waiting: 3, waitingTokens: 3000 }],
    ['the KV cache is full', { kvUsage: 0.9 }],
  ])('not while %s: it would be wanted back at once', (_, seen) => {
    const { more, fewer, reason } = calm(seen);
    expect([more, fewer]).toEqual([null, null]);
    expect(reason).toContain('it is no calm: ');
  });
});

test('a pool without a worker is told as one, and no share of its forecast as late', () => {
  const { more } = decide({
    observation: observation({ arrivals: 1, grant: granted(0) }),
    policy: policy(),
    facts: modelled,
    memory: memory(0),
    now: T,
  });
  expect(more?.why).toMatch(/forecast in 15 s need 1: .*, no worker is ordered$/);
});
