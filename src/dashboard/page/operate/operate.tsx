import { useEffect, useRef, useState } from 'preact/hooks';
import type { PoolStatus, SystemStatus } from '../../../contract/status.js';
import { type AuditEntry, MOST_WORKERS } from '../../view.js';
import { ask } from '../ask.js';
import { clock } from '../format.js';
import { hueOf, PlannerPill } from '../parts.js';
import type { Known } from '../store.js';

/** What is about to be done, in words, and as the gateway reads it. */
interface Intent {
  question: string;
  effect: string;
  operation: object;
  /** Called once it is done. */
  onDone?: () => void;
}

/** What the dialog returns when it is to be done. */
const YES = 'yes';

/** The operator's hand on planners and workers; each act is confirmed, and written down. */
export function Operate({ known: { view } }: { known: Known }) {
  const [intent, intend] = useState<Intent | null>(null);
  const [outcome, tell] = useState<{ text: string; bad: boolean } | null>(null);
  if (view === null) return null;
  const { status, audit } = view;
  const act = async ({ operation, onDone }: Intent) => {
    try {
      const answer = await ask<{ outcome: string }>('/dashboard/operate', operation);
      tell({ text: `Done: ${answer.outcome}.`, bad: false });
      onDone?.();
    } catch (error) {
      tell({ text: `Not done: ${error instanceof Error ? error.message : String(error)}`, bad: true });
    }
  };
  return (
    <>
      <h1 class="hidden">Operate</h1>
      <p role="status" class={`outcome ${outcome?.bad === true ? 'bad' : 'good'}`}>
        {outcome?.text ?? ''}
      </p>
      <section class="cards" aria-label="Planners and workers">
        {status.pools.map((pool) => (
          <PoolControls key={pool.name} pool={pool} status={status} onIntend={intend} />
        ))}
      </section>
      <Audit entries={audit} />
      {intent !== null && (
        <Confirm
          intent={intent}
          onClose={(yes) => {
            intend(null);
            if (yes) void act(intent);
          }}
        />
      )}
    </>
  );
}

function PoolControls({
  pool,
  status,
  onIntend,
}: {
  pool: PoolStatus;
  status: SystemStatus;
  onIntend: (intent: Intent) => void;
}) {
  const { holds } = pool.planner;
  /** Null: nothing was typed yet, the floor that holds is shown. */
  const [typed, setFloor] = useState<string | null>(null);
  const floor = typed ?? String(holds?.floor ?? 1);
  const advisory = holds?.advisory === true;
  const paused = pool.planner.state === 'paused';
  const min = Number(floor);
  const valid = floor.trim() !== '' && Number.isInteger(min) && min >= 0 && min <= MOST_WORKERS;
  return (
    <article class={`card ${hueOf(status, pool.name)}`} aria-labelledby={`operate-${pool.name}`}>
      <header>
        <h2 id={`operate-${pool.name}`}>{pool.name}</h2>
        <PlannerPill status={status} pool={pool} />
      </header>
      <div class="controls">
        <button
          type="button"
          class="quiet"
          onClick={() =>
            onIntend(
              paused
                ? {
                    question: `Resume the planner of ${pool.name}?`,
                    effect: 'It looks at its load again and orders what that needs.',
                    operation: { action: 'resume', pool: pool.name },
                  }
                : {
                    question: `Pause the planner of ${pool.name}?`,
                    effect:
                      'It keeps what it has and orders nothing, whatever the load, until it is resumed.',
                    operation: { action: 'pause', pool: pool.name },
                  },
            )
          }
        >
          {paused ? 'Resume planner' : 'Pause planner'}
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            onIntend(
              advisory
                ? {
                    question: `Let the planner of ${pool.name} order again?`,
                    effect: 'It ends advisory and orders what its load needs.',
                    operation: { action: 'advisory', pool: pool.name, on: false },
                  }
                : {
                    question: `Move the planner of ${pool.name} to advisory?`,
                    effect: 'It plans and records, and orders nothing, until advisory is ended.',
                    operation: { action: 'advisory', pool: pool.name, on: true },
                  },
            )
          }
        >
          {advisory ? 'End advisory' : 'To advisory'}
        </button>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            onIntend({
              question: `Keep at least ${min} workers in ${pool.name}?`,
              effect: 'As far as its budget allows; it holds until another floor is set.',
              operation: { action: 'floor', pool: pool.name, min },
              onDone: () => setFloor(null),
            });
          }}
        >
          <label>
            Floor of workers{' '}
            <input
              type="number"
              min="0"
              max={MOST_WORKERS}
              step="1"
              value={floor}
              onInput={(event) => setFloor(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="quiet" disabled={!valid}>
            Set
          </button>
        </form>
      </div>
      <table class="plain">
        <caption class="hidden">Workers of {pool.name}</caption>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">Runs</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {pool.workers.each.map((worker) => (
            <tr key={worker.id}>
              <th scope="row">{worker.id}</th>
              <td>{worker.state}</td>
              <td>{worker.running}</td>
              <td class="actions">
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Drain ${worker.id}`}
                  onClick={() =>
                    onIntend({
                      question: `Drain worker ${worker.id}?`,
                      effect:
                        'It finishes what it runs and ends; another takes its place as far as the order stands.',
                      operation: { action: 'drain', pool: pool.name, workerId: worker.id },
                    })
                  }
                >
                  Drain
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Restart ${worker.id}`}
                  onClick={() =>
                    onIntend({
                      question: `Restart worker ${worker.id}?`,
                      effect:
                        'Its requests go back to the queue at once and go on elsewhere; another takes its place.',
                      operation: { action: 'restart', pool: pool.name, workerId: worker.id },
                    })
                  }
                >
                  Restart
                </button>
              </td>
            </tr>
          ))}
          {pool.workers.each.length === 0 && (
            <tr>
              <td colSpan={4} class="muted">
                no worker
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </article>
  );
}

/** Closed by the dialog's own means, which give the focus back to where it was. */
function Confirm({ intent, onClose }: { intent: Intent; onClose: (yes: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="panel"
      aria-labelledby="confirm-question"
      onClose={(event) => onClose(event.currentTarget.returnValue === YES)}
    >
      <h2 id="confirm-question">{intent.question}</h2>
      <p>{intent.effect}</p>
      <div class="controls">
        <button type="button" class="primary" onClick={() => dialog.current?.close(YES)}>
          Yes, do it
        </button>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          No
        </button>
      </div>
    </dialog>
  );
}

function Audit({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <section class="panel" aria-labelledby="audit">
      <header>
        <h2 id="audit">Audit log</h2>
      </header>
      {entries.length === 0 && <p class="muted">No operator has done anything yet.</p>}
      <section class="scroll" tabIndex={0} aria-label="Audit log, scrolls" hidden={entries.length === 0}>
        <table class="plain audit">
          <caption class="hidden">What operators did, newest first</caption>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">What</th>
              <th scope="col">Outcome</th>
            </tr>
          </thead>
          <tbody>
            {entries.toReversed().map((entry) => (
              <tr key={`${entry.atMs}-${entry.what}`}>
                <td>{clock(entry.atMs)}</td>
                <td>{entry.who}</td>
                <td>{entry.what}</td>
                <td>{entry.outcome}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
