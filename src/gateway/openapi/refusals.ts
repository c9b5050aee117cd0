/** Statuses of refusals, and what they mean wherever they come; the codes of each are in docs/api.md. */
export const REFUSALS = {
  400: 'The body, a parameter or a header is wrong.',
  401: 'A key is asked for, and this is none that works.',
  403: 'Beyond what the key may do.',
  404: "There is none, it is not kept any more, or it is not the tenant's own.",
  409: 'The idempotency key came before and can not be answered again, or a simulation runs already.',
  413: 'The body or the prompt is too long.',
  429: 'The limits or the budget of the key are used up, or it could not be served in time.',
  499: 'It was cancelled.',
  502: 'The engine failed.',
  503: 'The gateway stops, or Redis is away or full.',
  504: 'It still waited at its deadline.',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** Those that say when to come again. */
export const WAITS: ReadonlySet<Refusal> = new Set([429, 503]);
