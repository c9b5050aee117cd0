import type { RequestDetail, Stage } from '../../request-view.js';
import { clock, count, seconds, usd } from '../format.js';

/** One request from its acceptance to its end, stage by stage. */
export function Waterfall({ request, onClose }: { request: RequestDetail; onClose: () => void }) {
  const { stages, acceptedAtMs, deadlineMs, atMs } = request;
  const ends = stages.map(({ toMs }) => toMs ?? atMs);
  const end = Math.max(acceptedAtMs + 1, ...ends);
  // The deadline is drawn where it lies within twice the request's own time.
  const scale =
    deadlineMs > acceptedAtMs && deadlineMs < acceptedAtMs + 2 * (end - acceptedAtMs)
      ? Math.max(end, deadlineMs)
      : end;
  const share = (ms: number) =>
    `${(Math.max(0, Math.min(1, (ms - acceptedAtMs) / (scale - acceptedAtMs))) * 100).toFixed(2)}%`;
  const gaveBack = Math.max(0, request.runs - 1 - request.failures);
  return (
    <section class="waterfall" aria-label={`Request ${request.id}`}>
      <header>
        <h3>{request.id}</h3>
        <button type="button" class="quiet" onClick={onClose}>
          Close
        </button>
      </header>
      <ol>
        {stages.map((stage) => (
          <li key={stage.name}>
            <span>{stage.name}</span>
            <span class="track">
              <span
                class={`bar ${stage.name}`}
                style={{
                  left: share(stage.fromMs),
                  width: `max(2px, calc(${share(stage.toMs ?? end)} - ${share(stage.fromMs)}))`,
                }}
              />
              {scale >= deadlineMs && deadlineMs > acceptedAtMs && (
                <span class="deadline" style={{ left: share(deadlineMs) }} />
              )}
            </span>
            <span class="value">{lengthOf(stage)}</span>
          </li>
        ))}
      </ol>
      <dl class="numbers">
        <Fact name="accepted" value={clock(acceptedAtMs)} />
        <Fact name="first token due" value={`in ${seconds((deadlineMs - acceptedAtMs) / 1000)}`} />
        <Fact
          name="slack"
          value={
            request.slackSeconds < 0
              ? `${seconds(-request.slackSeconds)} late`
              : seconds(request.slackSeconds)
          }
        />
        <Fact name="state" value={request.state} />
        <Fact name="model" value={request.model} />
        <Fact name="worker" value={request.workerId ?? '–'} />
        <Fact name="tokens" value={`${count(request.isl)} in, ${count(request.osl)} out`} />
        <Fact name="TTFT" value={seconds(request.ttftSeconds)} />
        <Fact name="ITL" value={seconds(request.itlSeconds)} />
        <Fact name="runs" value={count(request.runs)} />
        <Fact name="retries after a failure" value={count(request.failures)} />
        <Fact name="given back or preempted" value={count(gaveBack)} />
        <Fact name="GPU time" value={seconds(request.gpuSeconds)} />
        <Fact
          name="price"
          value={request.usd === null ? '–' : request.usd < 0.0001 ? '< $0.0001' : usd(request.usd)}
        />
      </dl>
      {request.reason !== null && <p class="bad">{request.reason}</p>}
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function lengthOf({ fromMs, toMs }: Stage): string {
  return toMs === null ? 'under way' : seconds((toMs - fromMs) / 1000);
}
