import { SluiceError } from '../../contract/errors.js';
import { openaiParamsOf } from '../../contract/openai.js';
import type { Outcome } from '../../contract/request.js';
import type { Found } from '../../scheduler/pool-router.js';
import { errorBody } from '../errors.js';
import { FORMATS } from '../openai/endpoints.js';
import { tierOf } from '../openai/format.js';
import { headOf } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';

/** A request as the asynchronous API shows it. Times are Unix seconds. */
export interface RequestView {
  id: string;
  object: 'request';
  status: 'queued' | 'running' | Outcome['kind'];
  model: string;
  slo_level: string;
  /** The level that was asked for, where a lower one serves it. */
  relegated_from: string | null;
  service_tier: string;
  created: number;
  /** Requests before it in its pool's queue; null: it does not wait. */
  place: number | null;
  /** By the prediction that admits requests too; null: past, or no time that can be told. */
  estimated_start: number | null;
  estimated_finish: number | null;
  /** The answer as its endpoint gives it. */
  response: object | null;
  error: object | null;
}

const PAST = { startMs: null, finishMs: null };

/** A found request as it stands now. */
export async function lookAt(
  { client, admission }: Pick<GatewayServices, 'client' | 'admission'>,
  found: Found,
): Promise<RequestView> {
  const { id, pool } = found.request;
  if (found.lookup.state !== 'open') return requestView(found, null, PAST);
  const place = await client.place(id, pool);
  const made = place === null ? await client.made(id, pool) : 0;
  return requestView(found, place, await admission.estimate(found.request, place, made));
}

/** @param place of a waiting request in its queue, 0 first; null: it does not wait. */
function requestView(
  { request, lookup }: Found,
  place: number | null,
  { startMs, finishMs }: { startMs: number | null; finishMs: number | null },
): RequestView {
  const open = lookup.state === 'open';
  const outcome = open ? null : lookup.outcome;
  return {
    id: request.id,
    object: 'request',
    status: outcome !== null ? outcome.kind : place !== null ? 'queued' : 'running',
    model: request.model,
    slo_level: request.level,
    relegated_from: request.relegatedFrom ?? null,
    service_tier: tierOf(request.level),
    created: Math.floor(request.acceptedAtMs / 1000),
    place,
    estimated_start: seconds(startMs),
    estimated_finish: seconds(finishMs),
    response: outcome?.kind === 'completed' ? answerOf(request, outcome) : null,
    error: outcome === null || outcome.kind === 'completed' ? null : errorOf(outcome),
  };
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
