import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import type { TokenFrame } from '../../src/contract/reply.js';
import type { Outcome, Submission } from '../../src/contract/request.js';
import { TokenLedger } from '../../src/simulator/load/record.js';
import { type LoadClient, runLoad } from '../../src/simulator/load/run-load.js';
import type { Arrival } from '../../src/simulator/workload/arrivals.js';

const arrival = (atSeconds: number, osl = 3): Arrival => ({
  atSeconds,
  isl: 1,
  osl,
  level: 'high',
  prompt: () => 'x',
});
const frame = (index: number, tokens: number): TokenFrame => ({
  type: 'tokens',
  id: 'x',
  index,
  tokens: new Array<string>(tokens).fill('t'),
  atMs: new Array<number>(tokens).fill(1),
  workerId: 'w',
});

function completed(submission: Submission, attained = true): Outcome {
  const tokens = submission.max_tokens ?? 0;
  return {
    kind: 'completed',
    result: {
      id: 'x',
      text: '',
      finishReason: 'length',
      usage: { promptTokens: 1, completionTokens: tokens },
      level: 'high',
      pool: 'high',
      workerId: 'w',
      acceptedAtMs: 0,
      startedAtMs: 0,
      firstTokenAtMs: 0,
      finishedAtMs: 0,
      ttftSeconds: 0.2,
      itlSeconds: 0.01,
      attained,
    },
  };
}

/** A client whose answers are made by `answer`; it counts what is open and what was cancelled. */
class FakeClient implements LoadClient {
  readonly submitted: { submission: Submission; atMs: number }[] = [];
  readonly cancelled: string[] = [];
  open = 0;
  mostOpen = 0;
  private readonly stops = new Map<string, () => void>();

  constructor(
    private readonly answer: (s: Submission, tokens: (f: TokenFrame) => void) => Promise<Outcome>,
  ) {}

  async submit(submission: Submission, handlers?: { onTokens?(frame: TokenFrame): void }) {
    const id = submission.id ?? `id${this.submitted.length}`;
    this.submitted.push({ submission, atMs: Date.now() });
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    const stopped = new Promise<Outcome>((resolve) =>
      this.stops.set(id, () => resolve({ kind: 'cancelled', code: 'cancelled', message: 'stopped' })),
    );
    const done = Promise.race([this.answer(submission, (f) => handlers?.onTokens?.(f)), stopped]);
    done.then(
      () => this.open--,
      () => this.open--,
    );
    return { id, pool: 'high', level: 'high', acceptedAtMs: Date.now(), done };
  }

  async cancel(id: string) {
    this.cancelled.push(id);
    this.stops.get(id)?.();
  }
}

const never = () => new Promise<Outcome>(() => undefined);

describe('the open-loop driver', () => {
  it('submits on time without waiting for answers', async () => {
    let last: () => void = () => undefined;
    const lastSubmitted = new Promise<void>((resolve) => {
      last = resolve;
    });
    const client: FakeClient = new FakeClient(async (s): Promise<Outcome> => {
      if (client.submitted.length === 4) last();
      await lastSubmitted;
      return completed(s);
    });
    const arrivals = [0, 0.05, 0.1, 0.15].map((at) => arrival(at));
    const { records, startedAtMs, aborted } = await runLoad({ client, arrivals, runId: 'r' });
    expect(client.mostOpen).toBe(4);
    client.submitted.forEach(({ atMs }, k) => {
      expect(atMs - startedAtMs).toBeGreaterThanOrEqual(k * 50 - 2);
    });
    expect(records.map((r) => [r.end, r.attained, r.ttftSeconds])).toEqual(
      new Array(4).fill(['completed', true, 0.2]),
    );
    expect(aborted).toBe(false);
  });

  it('keeps going through refusals, failures and a client that throws, and tells them apart', async () => {
    let calls = 0;
    const client = new FakeClient(async (s) => {
      calls++;
      if (calls === 1) return { kind: 'expired', code: 'expired', message: 'too late' };
      if (calls === 2) throw new SluiceError('not_running', 'closed');
      return completed(s, false);
    });
    const refusing: LoadClient = {
      submit: (s, h) =>
        s.prompt === 'refuse'
          ? Promise.reject(new SluiceError('prompt_too_long', 'too long'))
          : client.submit(s, h),
      cancel: (id) => client.cancel(id),
    };
    const arrivals = [{ ...arrival(0), prompt: () => 'refuse' }, arrival(0), arrival(0), arrival(0)];
    const { records } = await runLoad({ client: refusing, arrivals, runId: 'r' });
    expect(records.map((r) => [r.end, r.code, r.pool])).toEqual([
      ['failed', 'prompt_too_long', null],
      ['expired', 'expired', 'high'],
      ['failed', 'not_running', 'high'],
      ['completed', null, 'high'],
    ]);
    expect(records[3]?.attained).toBe(false);
  });

  it('counts tokens that came twice and tokens that never came', async () => {
    const client = new FakeClient(async (s, tokens) => {
      tokens(frame(0, 2));
      tokens(frame(1, 2));
      tokens(frame(5, 1));
      return completed(s);
    });
    const { records } = await runLoad({ client, arrivals: [arrival(0, 8)], runId: 'r' });
    // Indices 0 1, 1 2, 5: four different ones, 1 twice, and 3 4 6 7 of eight missing.
    expect(records[0]?.tokens).toEqual({ delivered: 4, duplicated: 1, missing: 4 });
  });

  it('counts what has not ended as lost after the grace time without a sign', async () => {
    const client = new FakeClient((s) => (s.max_tokens === 1 ? Promise.resolve(completed(s)) : never()));
    const { records } = await runLoad({
      client,
      arrivals: [arrival(0, 1), arrival(0, 2)],
      runId: 'r',
      graceSeconds: 0.1,
    });
    expect(records.map((r) => r.end)).toEqual(['completed', 'lost']);
    expect(client.cancelled).toEqual([]);
  });

  it('waits beyond the grace time while tokens still come', async () => {
    const client = new FakeClient(async (s, tokens) => {
      for (let k = 0; k < 8; k++) {
        await sleep(150);
        tokens(frame(k, 1));
      }
      return completed(s);
    });
    const { records } = await runLoad({ client, arrivals: [arrival(0, 8)], runId: 'r', graceSeconds: 1 });
    expect(records[0]?.end).toBe('completed');
  });

  it('on abort submits no more, cancels what is open and still reports it', async () => {
    const abort = new AbortController();
    const client = new FakeClient(never);
    const arrivals = [arrival(0), arrival(0), arrival(60)];
    const run = runLoad({ client, arrivals, runId: 'r', signal: abort.signal });
    while (client.open < 2) await sleep(5);
    abort.abort();
    const { records, aborted } = await run;
    expect(aborted).toBe(true);
    expect(records.map((r) => r.end)).toEqual(['cancelled', 'cancelled']);
    expect(client.cancelled).toHaveLength(2);
  });

  it("gives ids that the trace chose an opening of the run's own", async () => {
    const client = new FakeClient((s) => Promise.resolve(completed(s)));
    await runLoad({ client, arrivals: [{ ...arrival(0), id: 'a' }, arrival(0)], runId: 'run7' });
    expect(client.submitted.map(({ submission }) => submission.id)).toEqual(['run7-a', undefined]);
  });
});

describe('the token ledger', () => {
  it('measures latency from acceptance to the first arrival, then between arrivals', () => {
    const ledger = new TokenLedger();
    ledger.note(0, 1, 1200);
    ledger.note(1, 4, 1400);
    // (1400 - 1200) ms over 4 gaps
    expect(ledger.latency(1000)).toEqual({ ttftSeconds: 0.2, itlSeconds: 0.05 });
    expect(new TokenLedger().latency(1000)).toEqual({ ttftSeconds: null, itlSeconds: null });
  });

  it('counts only gaps below the last index when there is no answer', () => {
    const ledger = new TokenLedger();
    ledger.note(0, 1, 0);
    ledger.note(3, 1, 0);
    expect(ledger.count(null)).toEqual({ delivered: 2, duplicated: 0, missing: 2 });
  });
});
