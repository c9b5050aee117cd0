import type { RunView } from '../../what-if/view.js';

/** How far a run is, or how it ended. */
export function Progress({ run, onCancel }: { run: RunView; onCancel: () => void }) {
  const { state, source, phase, progress, message } = run;
  return (
    <section class="panel progress" aria-label="Simulation">
      <p role="status">{inWords(state, phase, message)}</p>
      {state === 'running' && (
        <div class="controls">
          <progress max={1} value={progress} aria-label="Simulated">
            {Math.round(progress * 100)} %
          </progress>
          <span class="percent">{Math.floor(progress * 100)} %</span>
          <button type="button" class="quiet" onClick={onCancel}>
            Cancel
          </button>
        </div>
      )}
      <p class="muted">
        Traffic: {source}. {changesOf(run)}
      </p>
    </section>
  );
}

function inWords(state: RunView['state'], phase: RunView['phase'], message: string | null): string {
  switch (state) {
    case 'running':
      return `Simulating ${phase}`;
    case 'done':
      return 'Both were simulated.';
    case 'cancelled':
      return 'Cancelled.';
    case 'failed':
      return `Failed: ${message ?? 'for an unknown reason'}`;
  }
}

function changesOf({ changes }: RunView): string {
  if (changes.length === 0) return 'Nothing was changed.';
  return `Changed: ${changes.map(({ pool, field, from, to }) => `${pool} ${field} ${from} to ${to}`).join(', ')}.`;
}
