import { expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import { PROMPT_SHARES } from '../../../src/contract/observation.js';
import { freshMemory } from '../../../src/planning/memory.js';
import { policyOf } from '../../../src/planning/policy.js';
import { NONE } from '../../../src/planning/replicas.js';
import { loadProfile } from '../../../src/profile/load.js';
import { PlannerMind } from '../../../src/scheduler/planner-loop/mind.js';
import { observation, T } from '../../planning/support.js';

test('a window that ends with the first look after a restart is judged as it would have been', () => {
  const config = defaultConfig();
  const pool = config.pools.medium;
  if (pool?.engine.kind !== 'sim') throw new Error('the presets changed');
  const profile = loadProfile(pool.engine.profile);
  const policy = policyOf(config, pool, { prefill: 1, decode: 1 });
  const kept = new PlannerMind(pool, policy, profile);
  const look = (mind: PlannerMind, second: number) => {
    // One worker that never catches up: 100 requests ended in a window, and ever more wait.
    const waiting = 40 + 10 * second;
    const latency = { requests: 100, violationShare: 1 };
    const at = T + second * 1000;
    const o = observation({ at, ready: 1, waiting, waitingTokens: 1000 * waiting, arrivals: 12, latency });
    const load = { ...o.load, isl: 1000, osl: 100, prompts: PROMPT_SHARES.map(() => 1000) };
    return mind.look({ ...o, load }, freshMemory(NONE, 0, T), at).facts;
  };
  const before = look(kept, 0).correction ?? 1;
  for (let second = 1; second < policy.windowSeconds; second++) look(kept, second);
  const again = new PlannerMind(pool, policy, profile, JSON.parse(JSON.stringify(kept.save())));
  const facts = look(kept, policy.windowSeconds);
  expect(facts.correction).toBeLessThan(before);
  expect(look(again, policy.windowSeconds)).toEqual(facts);
});
