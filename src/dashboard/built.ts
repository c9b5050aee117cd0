import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = 'dist';

/** A path in the build, which is beside the package.json above this module, be it source or built; undefined: not built. */
export function built(...path: string[]): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (dirname(folder) !== folder) {
    if (existsSync(join(folder, 'package.json'))) {
      const found = join(folder, FOLDER, ...path);
      return existsSync(found) ? found : undefined;
    }
    folder = dirname(folder);
  }
  return undefined;
}
