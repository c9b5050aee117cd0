import type { Logger } from 'pino';
import { ERRORS, SluiceError } from '../../contract/errors.js';
import type { Outcome, RoutedRequest } from '../../contract/request.js';
import type { RequestHandle } from '../../scheduler/client.js';

const LONGEST = 500;
/** An echo of the content shows in pieces of this many characters. */
const PIECE = 12;
const STEP = 4;

/** One line when a request ends as failed: a warning, where it was not the request that was wrong. */
export function logFailure(
  log: Logger,
  { prompt, params }: Pick<RoutedRequest, 'prompt' | 'params'>,
  handle: RequestHandle,
): void {
  handle.done.then(
    (outcome) => {
      if (outcome.kind !== 'failed') return;
      const content = () => [prompt, JSON.stringify(params ?? {}), handle.tokens.join('')];
      const { id, pool } = handle;
      const fields = { id, pool, code: outcome.code, why: reasonOf(outcome.message, content) };
      log[isOurs(outcome) ? 'warn' : 'debug'](fields, 'request failed');
    },
    () => {}, // the gateway ends
  );
}

/** Whether it is of the engines or of Sluice, and not of what was asked. */
function isOurs({ code, message }: Exclude<Outcome, { kind: 'completed' }>): boolean {
  return ERRORS[SluiceError.fromReason(`${code}: ${message}`).code].http >= 500;
}

/** What an engine says may repeat what it was sent: then its size alone is told, as of all content. */
function reasonOf(message: string, content: () => string[]): string {
  return content().some((text) => repeats(message, text))
    ? `[redacted: ${message.length} characters]`
    : message.slice(0, LONGEST);
}

/** Whether a text of some length, or all of a short one, is found in a message. */
function repeats(message: string, text: string): boolean {
  if (text.length < PIECE + STEP) return text.length >= STEP && message.includes(text);
  for (let at = 0; at + PIECE <= message.length; at += STEP)
    if (text.includes(message.slice(at, at + PIECE))) return true;
  return false;
}
