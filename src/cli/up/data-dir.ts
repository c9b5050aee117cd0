import { resolve } from 'node:path';
import { readEnvironment } from '../../config/environment.js';

/** Where a system lives, unless --data or SLUICE_DATA says otherwise. */
export const DEFAULT_DATA_DIR = '.sluice';

/** Absolute. @param dataDir what --data says */
export function dataDirOf(dataDir: string | undefined): string {
  return resolve(dataDir ?? readEnvironment().dataDir ?? DEFAULT_DATA_DIR);
}
