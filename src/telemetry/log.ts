import { type Logger, pino, stdTimeFunctions } from 'pino';
import { readEnvironment } from '../config/environment.js';

/** JSON lines on stdout, at the level of SLUICE_LOG. Prompts and answers are never logged. */
export function createLogger(): Logger {
  return pino({ base: null, level: readEnvironment().logLevel, timestamp: stdTimeFunctions.isoTime });
}
