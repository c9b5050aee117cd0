import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gpu, inventoryOf } from '../../src/gpu/core/inventory.js';
import {
  accountOf,
  acquire,
  chooseGpus,
  emptyLedger,
  type Ledger,
  release,
} from '../../src/gpu/core/ledger.js';
import { place } from '../../src/gpu/core/placement.js';
import { type PoolSituation, planPool } from '../../src/gpu/core/plan.js';
import { reconcile, type WorkerView } from '../../src/gpu/core/reconcile.js';
import { afterCrash, restartVerdict } from '../../src/gpu/core/restarts.js';
import { order } from './support.js';

const gpus = inventoryOf({
  hosts: [
    {
      name: 'h',
      islands: [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
    },
  ],
});
const ids = (chosen: readonly Gpu[] | null) => chosen?.map((gpu) => gpu.id) ?? null;

function worker(workerId: string, fields: Partial<WorkerView> = {}): WorkerView {
  return {
    ...{ workerId, leaseId: `l-${workerId}`, role: 'vllm', state: 'ready', resumable: false },
    ...{ activeRequests: 0, sinceMs: 0 },
    ...fields,
  };
}

describe('place', () => {
  it('takes the island with the fewest free GPUs that still fits', () => {
    const free = gpus.filter((gpu) => gpu.index !== 4);
    expect(ids(place(free, 1))).toEqual(['h:5']);
    expect(ids(place(free, 4))).toEqual(['h:0', 'h:1', 'h:2', 'h:3']);
  });

  it('never spreads a worker over two islands', () => {
    const free = [gpus[0], gpus[7]].filter((gpu) => gpu !== undefined);
    expect(place(free, 2)).toBeNull();
  });
});

describe('budget', () => {
  it('keeps what other pools are guaranteed and do not use', () => {
    const budgets = {
      a: { guaranteed: 4, ceiling: 8, maxWorkers: 8 },
      b: { guaranteed: 3, ceiling: 3, maxWorkers: 8 },
    };
    let ledger = emptyLedger(gpus, budgets);
    let taken = 0;
    for (;;) {
      const { gpus: chosen, refusal } = chooseGpus(ledger, 'a', 1);
      if (refusal) {
        // 8 GPUs less the 3 of b's guarantee.
        expect([taken, refusal]).toEqual([5, 'inventory']);
        break;
      }
      ledger = take(ledger, 'a', chosen, `l${taken++}`);
    }
  });

  it('lets every pool have its guarantee at any time, whatever the others took', () => {
    const budgets = {
      a: { guaranteed: 3, ceiling: 8, maxWorkers: 9 },
      b: { guaranteed: 3, ceiling: 8, maxWorkers: 9 },
      c: { guaranteed: 2, ceiling: 5, maxWorkers: 9 },
    };
    const step = fc.record({ pool: fc.constantFrom('a', 'b', 'c'), give: fc.boolean(), nth: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let ledger = emptyLedger(gpus, budgets);
        steps.forEach(({ pool, give, nth }, n) => {
          const leases = Object.keys(ledger.leases);
          const victim = leases[nth % Math.max(1, leases.length)];
          const { gpus: chosen } = chooseGpus(ledger, pool, 1);
          if (give && victim) ledger = release(ledger, victim, n);
          else if (chosen) ledger = take(ledger, pool, chosen, `l${n}`);
          for (const [name, budget] of Object.entries(budgets)) {
            const held = accountOf(ledger, name).gpus;
            expect(held).toBeLessThanOrEqual(budget.ceiling);
            if (held < budget.guaranteed) expect(chooseGpus(ledger, name, 1).refusal).toBeNull();
          }
        });
      }),
    );
  });
});

describe('reconcile', () => {
  it('drains starting workers first, then the one with the fewest requests', () => {
    const workers = [
      worker('busy', { activeRequests: 9 }),
      worker('calm', { activeRequests: 2 }),
      worker('new', { state: 'starting' }),
    ];
    const drained = reconcile({ prefill: 0, decode: 1 }, workers).map(
      (action) => 'workerId' in action && action.workerId,
    );
    expect(drained).toEqual(['new', 'calm']);
  });

  it('takes a drain back before it starts a new worker', () => {
    const workers = [worker('a'), worker('b', { state: 'draining', resumable: true })];
    expect(reconcile({ prefill: 0, decode: 3 }, workers)).toEqual([
      { kind: 'resume', workerId: 'b' },
      { kind: 'start', role: 'vllm', count: 1 },
    ]);
  });

  it('wants nothing more once its actions are done', () => {
    const state = fc.constantFrom('starting' as const, 'ready' as const, 'draining' as const);
    const role = fc.constantFrom('vllm' as const, 'prefill' as const);
    const some = fc.record({ state, role, resumable: fc.boolean(), activeRequests: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), fc.nat(6), fc.nat(6), (list, prefill, decode) => {
        let workers = list.map((fields, i) => worker(`w${i}`, fields));
        for (const action of reconcile({ prefill, decode }, workers)) {
          if (action.kind === 'start') {
            const fresh = Array.from({ length: action.count }, (_, i) =>
              worker(`new-${action.role}-${i}`, { role: action.role, state: 'starting' }),
            );
            workers = [...workers, ...fresh];
          } else {
            const after = action.kind === 'drain' ? 'draining' : 'ready';
            workers = workers.map((w) => (w.workerId === action.workerId ? { ...w, state: after } : w));
          }
        }
        expect(reconcile({ prefill, decode }, workers)).toEqual([]);
        const serving = workers.filter((w) => w.state !== 'draining');
        expect(serving.filter((w) => w.role === 'vllm').length).toBe(decode);
        expect(serving.filter((w) => w.role === 'prefill').length).toBe(prefill);
      }),
    );
  });
});

describe('restarts', () => {
  const policy = { maxRestarts: 7, restartBackoffSeconds: 1 };
  const crash = {
    ...{ pool: 'a', role: 'vllm' as const, workerId: 'w', reason: 'exit code 1', logTail: [] },
    ...{ readySeconds: 0, startedMs: 0 },
  };

  it('doubles the delay up to 32 times and then gives up', () => {
    let failure = afterCrash(null, crash, policy, 0);
    const delays = [failure.retryAtMs];
    while (!failure.gaveUp) {
      failure = afterCrash(failure, crash, policy, 0);
      delays.push(failure.retryAtMs);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 32, 32].map((seconds) => seconds * 1000));
    expect(failure.count).toBe(8);
    expect(restartVerdict(failure, 1e9)).toBe('gave-up');
  });

  it('counts workers that ran side by side and died together once', () => {
    const first = afterCrash(null, { ...crash, startedMs: 100 }, policy, 5000);
    const second = afterCrash(first, { ...crash, startedMs: 200 }, policy, 5001);
    expect(second.count).toBe(1);
    expect(afterCrash(second, { ...crash, startedMs: 6000 }, policy, 6500).count).toBe(2);
  });

  it('gives up two workers that crash again and again, each while the other starts', () => {
    // Started at 0 and 0; crash at 1, 2, 3, ... in turn, the next one starting at once.
    let failure = afterCrash(null, crash, policy, 1);
    const startedMs = [1, 0];
    for (let now = 2; !failure.gaveUp && now < 100; now++) {
      const turn = (now - 1) % 2;
      failure = afterCrash(failure, { ...crash, startedMs: startedMs[turn] ?? 0 }, policy, now);
      startedMs[turn] = now;
    }
    // Every second crash is of a worker that started after the last one that counted.
    expect(failure).toMatchObject({ gaveUp: true, count: 8, atMs: 15 });
  });

  it('counts anew after a worker that had been ready for long', () => {
    const third = [1, 2, 3].reduce(
      (f) => afterCrash(f, crash, policy, 0),
      afterCrash(null, crash, policy, 0),
    );
    expect(afterCrash(third, { ...crash, readySeconds: 31 }, policy, 0).count).toBe(1);
  });
});

describe('planPool', () => {
  const ledger = emptyLedger(gpus.slice(0, 2), { a: { guaranteed: 2, ceiling: 4, maxWorkers: 4 } });
  const situation: PoolSituation = {
    ...{ pool: 'a', tp: { vllm: 1, prefill: 1 }, desired: order('a', 5, 3), workers: [], failures: {} },
  };
  let made = 0;
  const plan = (changed: Partial<PoolSituation>) =>
    planPool(ledger, { ...situation, ...changed }, 1000, 0, () => `${made++}`);

  it('grants what there is and says why not all: asks 3, 2 free, gets 2', () => {
    const { start, grant } = plan({});
    expect(start.map((request) => request.gpus)).toEqual([['h:0'], ['h:1']]);
    expect(grant).toMatchObject({
      ...{ generation: 5, status: 'partial', shortage: 'inventory' },
      ...{ asked: { prefill: 0, decode: 3 }, granted: { prefill: 0, decode: 2 } },
    });
  });

  it('names placement when GPUs are free but not together, and the budget when the pool has its most', () => {
    const islands = inventoryOf({ hosts: [{ name: 'h', islands: [[0], [1]] }] });
    const apart = emptyLedger(islands, { a: { guaranteed: 2, ceiling: 2, maxWorkers: 4 } });
    const two = { ...situation, tp: { vllm: 2, prefill: 2 }, desired: order('a', 1, 1) };
    expect(planPool(apart, two, 1000, 0, () => 'x').grant?.shortage).toBe('placement');
    const poor = emptyLedger(gpus, { a: { guaranteed: 1, ceiling: 1, maxWorkers: 4 } });
    expect(planPool(poor, situation, 1000, 0, () => 'x').grant?.shortage).toBe('budget');
  });

  it('holds a ceiling that was lowered: 3 of TP 1 serve an order for 3, the budget is 2 now, so one drains', () => {
    const lowered = emptyLedger(gpus, { a: { guaranteed: 2, ceiling: 2, maxWorkers: 4 } });
    const workers = ['w1', 'w2', 'w3'].map((id, i) => worker(id, { sinceMs: i }));
    const { drain, start, grant } = planPool(lowered, { ...situation, workers }, 1000, 0, () => 'x');
    expect({ drain, start }).toEqual({ drain: ['w3'], start: [] });
    expect(grant).toMatchObject({
      ...{ status: 'partial', shortage: 'budget' },
      ...{ asked: { prefill: 0, decode: 3 }, granted: { prefill: 0, decode: 2 } },
    });
  });

  it('starts nothing during a restart delay but stands behind the replica, and gives up a crash loop', () => {
    const failure = afterCrash(
      null,
      {
        ...{ pool: 'a', role: 'vllm', workerId: 'w', reason: 'x', logTail: [] },
        readySeconds: 0,
        startedMs: 0,
      },
      { maxRestarts: 1, restartBackoffSeconds: 1 },
      0,
    );
    const waiting = plan({ desired: order('a', 1, 1), failures: { vllm: failure } });
    expect(waiting.start).toEqual([]);
    expect(waiting.grant).toMatchObject({ status: 'applied', granted: { decode: 1 } });
    expect(accountOf(waiting.ledger, 'a').gpus).toBe(1);
    const given = plan({ desired: order('a', 1, 1), failures: { vllm: { ...failure, gaveUp: true } } });
    expect(given.grant).toMatchObject({ status: 'partial', shortage: 'crash-loop', granted: { decode: 0 } });
  });

  it('leaves everything as it is while no order was ever given', () => {
    const { start, drain, grant } = plan({ desired: null, workers: [worker('w')] });
    expect([start, drain, grant]).toEqual([[], [], null]);
  });
});

function take(ledger: Ledger, pool: string, chosen: readonly Gpu[], leaseId: string): Ledger {
  const request = {
    ...{ leaseId, pool, role: 'vllm' as const, workerId: leaseId, host: 'h', generation: 1, leaseMs: 1000 },
    gpus: chosen.map((gpu) => gpu.id),
  };
  return acquire(ledger, request, 0).ledger;
}
