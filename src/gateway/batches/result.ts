import { SluiceError } from '../../contract/errors.js';
import type { Outcome } from '../../contract/request.js';
import { errorBody } from '../errors.js';
import { FORMATS } from '../openai/endpoints.js';
import type { Batch } from './batch.js';
import type { Line } from './lines.js';

/** What became of a line, as a line of the output or the error file. */
export function outcomeLine(
  batch: Batch,
  line: Line,
  id: string,
  outcome: Outcome,
): { kind: 'output' | 'error'; text: string } {
  if (outcome.kind === 'completed') {
    const { result } = outcome;
    const created = Math.floor(result.acceptedAtMs / 1000);
    const model = typeof line.body.model === 'string' ? line.body.model : batch.model;
    const body = FORMATS[batch.endpoint].whole({ id, model, level: result.level, created }, result);
    return { kind: 'output', text: lineText(line, id, { status_code: 200, request_id: id, body }, null) };
  }
  if (outcome.kind === 'expired') return { kind: 'error', text: expiredLine(batch, line, id) };
  const error = SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
  const response = { status_code: error.httpStatus, request_id: id, body: errorBody(error) };
  return { kind: 'error', text: lineText(line, id, response, null) };
}

/** Of a line that was not answered within the batch's window. */
export function expiredLine(batch: Batch, line: Line, id: string): string {
  const message = `the request was not answered within the completion window of ${batch.window}`;
  return lineText(line, id, null, { code: 'batch_expired', message });
}

function lineText({ customId }: Line, id: string, response: object | null, error: object | null): string {
  return JSON.stringify({ id: `batch_req_${id}`, custom_id: customId, response, error });
}
