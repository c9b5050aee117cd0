// Puts `sluice` into node_modules/.bin, so that `npx sluice` in a clone runs this clone.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = join(dirname(dirname(fileURLToPath(import.meta.url))), 'node_modules', '.bin');
mkdirSync(bin, { recursive: true });
rmSync(join(bin, 'sluice'), { force: true });
symlinkSync('../../bin/sluice.js', join(bin, 'sluice'));
