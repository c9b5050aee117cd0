import { clock, span } from './format.js';
import type { Known } from './store.js';

/** Whether what is shown is of now; if not, how old it is and why. */
export function StatusLine({ known, age, stale }: { known: Known; age: number | null; stale: boolean }) {
  const { view, state, message } = known;
  const why = view?.problem ?? message;
  const away = state === 'away';
  const bad = stale || away || view?.problem != null;
  if (state === 'refused' || view === null || age === null) {
    return (
      <div class="live" role="status">
        <span class="dot wait" aria-hidden="true" />
        {state === 'refused' ? 'no access' : 'connecting'}
      </div>
    );
  }
  return (
    <>
      <div class="live" role="status">
        <span class={`dot ${bad ? 'bad' : 'good'}`} aria-hidden="true" />
        {bad ? `${span(age)} old` : 'live'}
      </div>
      {bad && (
        <p class="banner" role="alert">
          <strong>These figures are {span(age)} old</strong>, of {clock(view.status.atMs)}:{' '}
          {why ?? 'nothing newer came'}.
        </p>
      )}
    </>
  );
}
