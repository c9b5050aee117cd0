/**
 * Names one attempt at a request to an engine (`X-Request-Id`): ID for the first, ID~EMITTED~NONCE for one that goes on
 * after EMITTED tokens, since an engine may refuse an id that it still knows. "~" is in no request id.
 */
export function attemptId(id: string, emitted: number, nonce: string): string {
  return `${id}~${emitted}~${nonce}`;
}

/** Request id and emitted tokens of an attempt's name; anything else is the id of a first attempt. */
export function readAttemptId(name: string): { id: string; emitted: number } {
  const [, id, emitted] = /^(.+)~(\d{1,7})~[^~]*$/.exec(name) ?? [];
  return id === undefined ? { id: name, emitted: 0 } : { id, emitted: Number(emitted) };
}
