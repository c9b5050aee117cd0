import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SluiceError } from '../contract/errors.js';

/**
 * Makes a data folder, or one in it, unless it is there; its missing parents too.
 * @throws SluiceError invalid_request where there can be none, or where it cannot be written.
 */
export function makeDataFolder(folder: string): void {
  const wanted = resolve(folder);
  try {
    make(wanted);
    if (!statSync(wanted).isDirectory()) throw new Error('it is no folder');
    accessSync(wanted, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SluiceError(
      'invalid_request',
      `cannot keep data in ${wanted}: ${why}; give a folder that can be written with --data`,
    );
  }
}

/** Folder by folder: mkdir of Node tries for ever below a file system that answers ENOENT, as /proc does. */
function make(folder: string): void {
  if (existsSync(folder)) return;
  make(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been first.
    if (!existsSync(folder)) throw error;
  }
}
