import { get } from 'node:http';
import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../support/chromium.js';
import { type Spread, spread } from '../support/stats.js';

/** What it takes to open the page, in a browser that has nothing of it yet. */
export interface Paint {
  /** ms from navigation to the first contentful paint, and until the level cards stand with their figures. */
  firstMs: Spread;
  figuresMs: Spread;
}

const OPENINGS = 7;

/** @returns null where no Chromium is on PATH. */
export async function paint(url: string, note: (line: string) => void): Promise<Paint | null> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    note('no Chromium on PATH: first paint is not measured');
    return null;
  }
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  try {
    const openings: { firstMs: number; figuresMs: number }[] = [];
    // The first one warms the browser itself.
    for (let k = 0; k <= OPENINGS; k++) openings.push(await opening(browser, url));
    const warm = openings.slice(1);
    return {
      firstMs: spread(warm.map(({ firstMs }) => firstMs)),
      figuresMs: spread(warm.map(({ figuresMs }) => figuresMs)),
    };
  } finally {
    await browser.close();
  }
}

/** A context of its own has an empty cache. */
async function opening(browser: Browser, url: string): Promise<{ firstMs: number; figuresMs: number }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    await page.goto(`${url}/`);
    await page.getByRole('article').first().waitFor();
    return await page.evaluate<{ firstMs: number; figuresMs: number }>(`new Promise((resolve) => {
      const figuresMs = performance.now();
      new PerformanceObserver((list) => {
        const first = list.getEntriesByName('first-contentful-paint')[0];
        if (first !== undefined) resolve({ firstMs: first.startTime, figuresMs });
      }).observe({ type: 'paint', buffered: true });
    })`);
  } finally {
    await context.close();
  }
}

/** Bytes of the page with all that it loads, as a browser that takes Brotli gets them. */
export async function pageWeight(url: string): Promise<number> {
  const page = await body(`${url}/`, 'identity');
  const paths = [...page.toString().matchAll(/(?:src|href)="(\/[^"]+)"/g)].flatMap(([, path]) => path ?? []);
  const parts = await Promise.all(['/', ...paths].map((path) => body(`${url}${path}`, 'br')));
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function body(url: string, encoding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': encoding } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    }).on('error', reject);
  });
}
