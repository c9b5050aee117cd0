import { type Logger, pino, stdTimeFunctions } from 'pino';
import { readEnvironment } from '../config/environment.js';
import { redactedFields } from '../contract/redact.js';

/**
 * JSON lines on stdout, at the level of SLUICE_LOG.
 * @param content log prompts and answers too, where the configuration asks for it; otherwise they are replaced by their size
 */
export function createLogger({ content = false }: { content?: boolean } = {}): Logger {
  return pino({
    base: null,
    level: readEnvironment().logLevel,
    timestamp: stdTimeFunctions.isoTime,
    ...(content ? {} : { formatters: { log: (fields: object) => redactedFields(fields) } }),
  });
}
