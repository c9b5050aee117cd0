import { SluiceError } from '../../contract/errors.js';
import type { Outcome } from '../../contract/request.js';
import { openaiParamsOf } from '../../contract/openai.js';
import type { Found } from '../../scheduler/pool-router.js';
import { errorBody } from '../errors.js';
import { FORMATS } from '../openai/endpoints.js';
import { tierOf } from '../openai/format.js';
import { headOf } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';
import type { PoolGauge } from './gauge.js';

/** A request as the asynchronous API shows it. Times are Unix seconds. */
export interface RequestView {
  id: string;
  object: 'request';
  status: 'queued' | 'running' | Outcome['kind'];
  model: string;
  slo_level: string;
  service_tier: string;
  created: number;
  /** Requests before it in its pool's queue; null: it does not wait. */
  place: number | null;
  /** Estimates from what the pool completed in the last minute; null: nothing to estimate by, or past. */
  estimated_start: number | null;
  estimated_finish: number | null;
  /** The answer as its endpoint gives it. */
  response: object | null;
  error: object | null;
}

/** A found request as it stands now. */
export async function lookAt(
  { client, config, gauges, now }: Pick<GatewayServices, 'client' | 'config' | 'gauges' | 'now'>,
  found: Found,
): Promise<RequestView> {
  const { id, pool } = found.request;
  const settings = config.pools[pool];
  if (settings === undefined) throw new SluiceError('internal', `no pool named ${pool}`);
  const place = found.lookup.state === 'open' ? await client.place(id, pool) : null;
  return requestView(found, place, await gauges.of(settings), now());
}

/** @param place of a waiting request in its queue, 0 first; null: it does not wait. */
function requestView(
  { request, lookup }: Found,
  place: number | null,
  gauge: PoolGauge,
  nowMs: number,
): RequestView {
  const open = lookup.state === 'open';
  const outcome = open ? null : lookup.outcome;
  const startMs = open && place !== null ? startEstimate(place, gauge, nowMs) : null;
  const finishMs =
    open && (startMs !== null || place === null) ? finishEstimate(startMs ?? nowMs, gauge) : null;
  return {
    id: request.id,
    object: 'request',
    status: outcome !== null ? outcome.kind : place !== null ? 'queued' : 'running',
    model: request.model,
    slo_level: request.level,
    service_tier: tierOf(request.level),
    created: Math.floor(request.acceptedAtMs / 1000),
    place: open ? place : null,
    estimated_start: seconds(startMs),
    estimated_finish: seconds(finishMs),
    response: outcome?.kind === 'completed' ? answerOf(request, outcome) : null,
    error: outcome === null || outcome.kind === 'completed' ? null : errorOf(outcome),
  };
}

/** Those before it leave at the rate of the last minute. */
function startEstimate(place: number, { perSecond }: PoolGauge, nowMs: number): number | null {
  return perSecond === null ? null : nowMs + (place / perSecond) * 1000;
}

function finishEstimate(startMs: number, { decodeSeconds }: PoolGauge): number | null {
  return decodeSeconds === null ? null : startMs + decodeSeconds * 1000;
}

function answerOf(request: Found['request'], { result }: Extract<Outcome, { kind: 'completed' }>): object {
  return FORMATS[openaiParamsOf(request.params)?.endpoint ?? 'completions'].whole(headOf(request), result);
}

function errorOf({ code, message }: Exclude<Outcome, { kind: 'completed' }>): object {
  return errorBody(SluiceError.fromReason(`${code}: ${message}`)).error;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms / 1000);
}
