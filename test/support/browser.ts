import { spawnSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../bench/support/chromium.js';

/** A headless Chromium: the one of this machine, or Debian's, installed for the test where it runs as root. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium() ?? install();
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

function install(): string {
  const apt = (...args: string[]) =>
    spawnSync('apt-get', args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      encoding: 'utf8',
    });
  apt('update', '-q');
  const result = apt('install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
  const path = findChromium();
  if (path !== undefined) return path;
  throw new Error(
    `expected Chromium on PATH, or apt-get as root to install it; got: ${result.stderr ?? String(result.error)}`,
  );
}
