import { resolve } from 'node:path';
import { DEFAULT_DATA_DIR } from './data-dir.js';

export interface HintOptions {
  /** Absolute. */
  dataDir: string;
  /** null: the presets. */
  configFile: string | null;
  /** REDIS_URL names the Redis: then it, and not the data folder, leads to the system. */
  redisGiven: boolean;
  /** An SLO level that a pool serves. */
  level: string;
}

/** Commands to try on the system that has just started, as they work in another shell on the same folder. */
export function hint({ dataDir, configFile, redisGiven, level }: HintOptions): string {
  const place = redisGiven
    ? option('-c', configFile)
    : option('--data', dataDir === resolve(DEFAULT_DATA_DIR) ? null : dataDir);
  const where = redisGiven ? ' (with the same REDIS_URL)' : '';
  return `try: sluice submit${place} --slo ${quoted(level)} "Why is the sky blue?"    sluice status${place} --watch${where}    Ctrl-C to stop`;
}

function option(name: string, value: string | null): string {
  return value === null ? '' : ` ${name} ${quoted(value)}`;
}

/** As a POSIX shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
