import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../src/contract/errors.js';

const VERSION = '1.15.2';
/** A fresh install answers every streamed request with a 500: newer ones of these two than it was made with. */
const PINNED = { hono: '4.9.7', '@hono/node-server': '1.3.3' };
const PACKAGE = '@portkey-ai/gateway';

/**
 * The Portkey gateway's program, fetched from the npm registry the first time, into a folder of its own.
 * Errors: `not_found` when the registry is out of reach.
 */
export function portkeyProgram(cacheDir: string, note: (line: string) => void): string {
  const folder = join(cacheDir, 'bench', `portkey-${VERSION}`);
  const program = join(folder, 'node_modules', PACKAGE, 'build', 'start-server.js');
  if (existsSync(program)) return program;
  note(`fetching ${PACKAGE} ${VERSION} into ${folder}`);
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, dependencies: { [PACKAGE]: VERSION }, overrides: PINNED };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const npm = spawnSync('npm', ['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (npm.status === 0 && existsSync(program)) return program;
  const why = npm.error?.message ?? npm.stderr.trim().split('\n').at(-1) ?? `exit code ${npm.status}`;
  throw new SluiceError(
    'not_found',
    `expected ${PACKAGE} ${VERSION} from the npm registry, got: ${why}; check the network, or leave it out by --no-portkey`,
  );
}
