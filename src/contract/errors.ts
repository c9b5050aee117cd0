/**
 * The one table of errors: every code that crosses a process boundary, with what it means for HTTP clients,
 * for scripts (exit code) and for retries.
 */
export const ERRORS = {
  invalid_request: { http: 400, exit: 2, retryable: false },
  unknown_level: { http: 400, exit: 2, retryable: false },
  unknown_model: { http: 404, exit: 2, retryable: false },
  prompt_too_long: { http: 413, exit: 2, retryable: false },
  invalid_config: { http: 500, exit: 2, retryable: false },
  invalid_job: { http: 400, exit: 2, retryable: false },
  unauthorized: { http: 401, exit: 2, retryable: false },
  forbidden: { http: 403, exit: 2, retryable: false },
  method_not_allowed: { http: 405, exit: 2, retryable: false },
  request_timeout: { http: 408, exit: 2, retryable: true },
  conflict: { http: 409, exit: 2, retryable: false },
  body_too_large: { http: 413, exit: 2, retryable: false },
  unsupported_media_type: { http: 415, exit: 2, retryable: false },
  headers_too_large: { http: 431, exit: 2, retryable: false },
  rate_limited: { http: 429, exit: 1, retryable: true },
  budget_spent: { http: 429, exit: 1, retryable: false },
  overloaded: { http: 429, exit: 1, retryable: true },
  not_found: { http: 404, exit: 4, retryable: false },
  expired: { http: 504, exit: 5, retryable: false },
  cancelled: { http: 499, exit: 6, retryable: false },
  no_redis: { http: 503, exit: 3, retryable: true },
  redis_full: { http: 503, exit: 3, retryable: true },
  port_in_use: { http: 500, exit: 3, retryable: false },
  already_running: { http: 409, exit: 3, retryable: false },
  not_running: { http: 503, exit: 3, retryable: true },
  engine_failed: { http: 502, exit: 1, retryable: true },
  engine_protocol: { http: 502, exit: 1, retryable: false },
  cannot_continue: { http: 502, exit: 1, retryable: false },
  internal: { http: 500, exit: 1, retryable: false },
} as const;

export type ErrorCode = keyof typeof ERRORS;

export interface SluiceErrorOptions extends ErrorOptions {
  /** Seconds after which the same request may succeed. */
  retryAfterSeconds?: number;
}

/** An error whose message is fit for a user: what was expected, what came, what to do. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: SluiceErrorOptions,
  ) {
    super(message, options);
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
  /** undefined: waiting does not help, or for how long is not known. */
  readonly retryAfterSeconds: number | undefined;
  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
  get httpStatus(): number {
    return ERRORS[this.code].http;
  }
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
  /** `code: message`, the form in which an error travels as a BullMQ failed reason. */
  toReason(): string {
    return `${this.code}: ${this.message}`;
  }
  /** Reads a failed reason back; a text without a known code becomes `internal`. */
  static fromReason(reason: string): SluiceError {
    const at = reason.indexOf(': ');
    const code = at > 0 ? reason.slice(0, at) : '';
    return isErrorCode(code)
      ? new SluiceError(code, reason.slice(at + 2))
      : new SluiceError('internal', reason);
  }
  static from(error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    return new SluiceError('internal', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Ends an exhaustive switch: the compiler refuses a case that was forgotten. */
export function unreachable(value: never): never {
  throw new SluiceError('internal', `unexpected value ${JSON.stringify(value)}`);
}
