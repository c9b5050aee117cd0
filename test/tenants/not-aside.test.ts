import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { KeptRoom } from '../../src/scheduler/worker/kept-room.js';
import type { Run } from '../../src/scheduler/worker/run.js';

const PLACES = 32;
const CROWDED_MS = 5_000;

function runOf(tenant: string, excess: boolean): Run {
  const share = { startMs: 0, era: 1, tenantMs: 1, keyMs: 1, cost: 1, excess, contended: true };
  const owner = { tenant, key: 'k' };
  return { request: { owner, share }, firstTokenAtMs: 1 } as unknown as Run;
}

/** A worker's kept room that asks Redis for nothing, and a clock. */
function keptRoom() {
  const clock = { now: 1_000_000 };
  const redis = new Redis({ lazyConnect: true });
  const options = {
    workerId: 'w',
    redis,
    now: () => clock.now,
    log: (said: string) => expect(said).toBe(''),
  };
  const kept = new KeptRoom(options, { toKey: (type: string) => type }, () => {});
  const runs = new Map<string, Run>();
  const take = (run: Run) => {
    kept.took(run.request, false);
    runs.set(String(runs.size), run);
    const free = PLACES - runs.size;
    kept.of(free, () => free, { runs, left: new Set() });
  };
  return { clock, kept, take };
}

describe('a late request', () => {
  it('of a tenant within its part stands aside for no flood', () => {
    const { clock, kept, take } = keptRoom();
    const [calm, flood] = [runOf('calm', false).request, runOf('flood', true).request];
    for (let k = 0; k < 4; k++) take(runOf('calm', false));
    // One that was let go first, since it had waited too long, crowds nobody out.
    kept.took(flood, true);
    expect(kept.protects(calm)).toBe(false);
    for (let k = 0; k < 20; k++) take(runOf('flood', true));
    expect(kept.protects(calm)).toBe(true);
    expect(kept.protects(flood)).toBe(false);
    clock.now += CROWDED_MS + 1;
    expect(kept.protects(calm)).toBe(false);
  });

  it('stands aside where every tenant asks for more than its share, however little it holds', () => {
    const { kept, take } = keptRoom();
    const tenants = ['a', 'b', 'c', 'd'];
    for (let k = 0; k < 7; k++) for (const tenant of tenants) take(runOf(tenant, true));
    for (const tenant of tenants) expect(kept.protects(runOf(tenant, true).request)).toBe(false);
  });
});
