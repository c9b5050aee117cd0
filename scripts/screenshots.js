// Takes the pictures of docs/images from a running demo: `node scripts/screenshots.js` (needs Chromium and a build).
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const IMAGES = join(ROOT, 'docs', 'images');

const PICTURES = [
  { name: 'overview', view: 'overview', theme: 'dark', width: 1280, height: 1240 },
  { name: 'machines', view: 'machines', theme: 'dark', width: 1280, height: 1000 },
];

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-pictures-'));
const { REDIS_URL: _url, SLUICE_DATA: _data, ...env } = process.env;
const demo = spawn(process.execPath, [join(ROOT, 'bin', 'sluice.js'), 'demo', '--data', dataDir], {
  env,
  stdio: ['ignore', 'ignore', 'pipe'],
});
let said = '';
demo.stderr.on('data', (chunk) => {
  said += chunk;
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
try {
  const url = await gatewayUrl();
  mkdirSync(IMAGES, { recursive: true });
  const pages = [];
  for (const picture of PICTURES) {
    const { view, theme, width, height } = picture;
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme });
    await page.goto(`${url}/#/${view}`);
    pages.push({ ...picture, page });
  }
  // What the demo prints comes each ten seconds: the burst on `high` is on, or just over.
  while (!/high: \w+ -> burstProtect/.test(said)) await sleep(200);
  for (const { name, page } of pages) {
    await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    process.stdout.write(`docs/images/${name}.png\n`);
  }
} finally {
  await browser.close();
  const ended = new Promise((resolve) => demo.once('exit', resolve));
  if (demo.exitCode === null && demo.kill('SIGTERM')) await ended;
  rmSync(dataDir, { recursive: true, force: true });
}

async function gatewayUrl() {
  for (;;) {
    try {
      const log = readFileSync(join(dataDir, 'logs', 'gateway.log'), 'utf8');
      const found = /"url":"([^"]+)"[^\n]*gateway ready/.exec(log)?.[1];
      if (found !== undefined) return found;
    } catch {
      // The gateway has not written yet.
    }
    await sleep(200);
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
