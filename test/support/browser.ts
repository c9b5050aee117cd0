import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../bench/support/chromium.js';

const run = promisify(execFile);
/** Seconds that apt-get waits for another one. */
const LOCK_SECONDS = 240;

/** A headless Chromium: the one of this machine, or Debian's, installed for the test where it runs as root. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium() ?? (await install());
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

async function install(): Promise<string> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) =>
    run('apt-get', ['-q', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    }).then(
      () => '',
      (error: Error & { stderr?: string }) => error.stderr ?? error.message,
    );
  // Lists that are there may do; what cannot be installed says why.
  await apt('update');
  const problem = await apt('install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
  const path = findChromium();
  if (path !== undefined) return path;
  throw new Error(`expected Chromium on PATH, or apt-get as root to install it; got: ${problem}`);
}
