import { type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { readEnvironment } from '../config/environment.js';
import { redactedFields } from '../contract/redact.js';
import { prettyLine } from './pretty-log.js';

/**
 * Lines on stdout, at the level of SLUICE_LOG: JSON, or readable ones on a terminal.
 * @param content log prompts and answers too, where the configuration asks for it; otherwise they are replaced by their size
 */
export function createLogger({ content = false }: { content?: boolean } = {}): Logger {
  const { logLevel, color } = readEnvironment();
  const options: LoggerOptions = {
    base: null,
    level: logLevel,
    timestamp: stdTimeFunctions.isoTime,
    ...(content ? {} : { formatters: { log: (fields: object) => redactedFields(fields) } }),
  };
  if (!process.stdout.isTTY) return pino(options);
  return pino(options, { write: (line: string) => process.stdout.write(prettyLine(line, color)) });
}
