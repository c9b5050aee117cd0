import { describe, expect, it } from 'vitest';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import type { Profile } from '../../../src/profile/types.js';
import { SluicePlanner } from '../../../src/simulator/run/planner.js';
import { roundProfile } from '../../support/profiles.js';
import { onePool, run, steady } from './support.js';

const ROUND = roundProfile.tp[1]!;

/** A profile by which every step takes `share` of its true time. */
function profileAt(share: number): Profile {
  const [a0, a1, a2] = ROUND.ttft;
  const [b0, b1, b2] = ROUND.itl;
  const law = {
    ttft: [a0 * share, a1 * share, a2 * share],
    itl: [b0 * share, b1 * share, b2 * share],
  } as const;
  return { ...roundProfile, tp: { 1: law } };
}

function live(share: number) {
  const config = onePool(
    { costOptimization: true, scaling: { aggressiveness: 'aggressive', lookAhead: 'proactive' } },
    { coldStartSeconds: 10 },
  );
  const decisions: TransitionRecord[] = [];
  const { result } = run(config, steady(150, 1500, 1), {
    warmUpSeconds: 500,
    onDecision: (record) => decisions.push(record),
    scaler: (input) => new SluicePlanner({ ...input, profile: profileAt(share) }),
  });
  const { tally } = result.pools.medium!;
  const corrections = decisions.map(({ basis }) => Number(basis?.facts?.correction ?? 1));
  return {
    attainment: tally.attained / tally.requests,
    corrections,
    allowed: config.pools.medium!.violationsAllowed,
  };
}

describe('a planner whose profile is wrong', () => {
  it('keeps the level with an engine that is twice as slow as its profile says', () => {
    const { attainment, corrections, allowed } = live(1 / 2);
    expect(attainment).toBeGreaterThanOrEqual(1 - allowed);
    expect(Math.min(...corrections)).toBeLessThan(0.95);
    expect(Math.min(...corrections)).toBeGreaterThanOrEqual(0.5);
  });

  it('leaves a profile alone that is right', () => {
    const { attainment, corrections, allowed } = live(1);
    expect(attainment).toBeGreaterThanOrEqual(1 - allowed);
    expect(Math.min(...corrections)).toBeGreaterThan(0.9);
  });
});
