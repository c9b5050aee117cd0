import { useEffect, useState } from 'preact/hooks';
import type { Offer, RunView } from '../../what-if/view.js';
import { ask } from '../ask.js';
import { hueOf } from '../parts.js';
import type { Known } from '../store.js';
import { changedCount, changesOf, type Draft, draftTrouble, inFormTerms, typed } from './draft.js';
import { PoolFields } from './pool-fields.js';
import { Progress } from './progress.js';
import { Result } from './result.js';
import { firstTraffic, sourceOf, type Traffic, TrafficFields, trafficTrouble } from './traffic.js';

const POLL_MS = 400;

/** What would have been with another budget, promise or policy: the same traffic simulated twice. */
export function WhatIf({ known: { view } }: { known: Known }) {
  const [offer, setOffer] = useState<Offer | null>(null);
  const [traffic, setTraffic] = useState<Traffic | null>(null);
  const [draft, setDraft] = useState<Draft>({});
  const [run, setRun] = useState<RunView | null>(null);
  const [problem, tell] = useState<string | null>(null);
  useEffect(() => {
    ask<Offer>('/dashboard/what-if')
      .then((offered) => {
        setOffer(offered);
        setTraffic(firstTraffic(offered));
        setRun(offered.run);
      })
      .catch((error: unknown) => tell(wordsOf(error)));
  }, []);
  const running = run?.state === 'running';
  useFollowed(running, setRun);
  if (view === null) return null;
  if (offer === null || traffic === null) {
    return problem === null ? <p class="waiting">Asking what is on record</p> : <Problem text={problem} />;
  }
  const send = async (path: string, body: object) => {
    tell(null);
    try {
      setRun((await ask<{ run: RunView }>(path, body)).run);
    } catch (error) {
      tell(wordsOf(error));
    }
  };
  const trouble = trafficTrouble(offer, traffic) ?? draftTrouble(draft);
  const edit = (change: Draft) => {
    tell(null);
    setDraft(change);
  };
  const changes = changedCount(draft);
  return (
    <>
      <h1 class="hidden">What if</h1>
      <form
        class="what-if"
        onSubmit={(event) => {
          event.preventDefault();
          const body = {
            source: sourceOf(traffic),
            rate_scale: Number(traffic.scale),
            changes: changesOf(draft),
          };
          void send('/dashboard/what-if/run', body);
        }}
      >
        <section class="panel" aria-labelledby="what-if-traffic">
          <header>
            <h2 id="what-if-traffic">Traffic of both runs</h2>
          </header>
          <TrafficFields
            offer={offer}
            traffic={traffic}
            onChoose={(change) => {
              tell(null);
              setTraffic({ ...traffic, ...change });
            }}
          />
        </section>
        <section class="cards" aria-label="What is changed, by level">
          {offer.pools.map((pool) => (
            <PoolFields
              key={pool.name}
              pool={pool}
              hue={hueOf(view.status, pool.name)}
              draft={draft}
              onType={(field, text) => edit(typed(draft, pool, field, text))}
            />
          ))}
        </section>
        <div class="controls">
          <button type="submit" class="primary" disabled={running || trouble !== null}>
            Simulate both
          </button>
          <button type="button" class="quiet" disabled={changes === 0} onClick={() => edit({})}>
            As configured
          </button>
          <span class={trouble === null ? 'muted' : 'bad'}>{trouble ?? changesInWords(changes)}</span>
        </div>
      </form>
      {problem !== null && <Problem text={problem} />}
      {run !== null && (
        <Progress run={run} onCancel={() => void send('/dashboard/what-if/cancel', { id: run.id })} />
      )}
      {run?.result != null && <Result run={run} result={run.result} status={view.status} />}
    </>
  );
}

/** Asks how far the run is until it is over. */
function useFollowed(running: boolean, onRun: (run: RunView) => void): void {
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => {
      ask<{ run: RunView | null }>('/dashboard/what-if/run')
        .then(({ run }) => run !== null && onRun(run))
        // The page says by itself that the gateway is away; the next one may be answered.
        .catch(() => undefined);
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [running]);
}

function Problem({ text }: { text: string }) {
  return (
    <p role="alert" class="bad">
      Not simulated: {inFormTerms(text)}
    </p>
  );
}

function changesInWords(changes: number): string {
  if (changes === 0) return 'Nothing is changed yet: both would be alike.';
  return changes === 1 ? '1 field is changed' : `${changes} fields are changed`;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
