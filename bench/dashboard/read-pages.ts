import { get, type IncomingMessage } from 'node:http';
import type { PagesMessage, PagesRead, PagesReply } from './types.js';

/** The open pages of the dashboard benchmark: a process of its own that reads the feed as pages do, driven by messages. */

const SPAN_MS = 10_000;
const END = Buffer.from('\n\n');

interface OpenPage {
  response: IncomingMessage;
  firstBytes: number;
  /** After the first event. */
  bytes: number;
  events: number;
  /** When and how much, of the last seconds. */
  recent: { atMs: number; bytes: number }[];
  most: number;
}

let pages: OpenPage[] = [];
let fromMs = 0;

/** @returns once its first event, the whole view, is there. */
function openPage(url: string): Promise<OpenPage> {
  return new Promise((resolve, reject) => {
    get(`${url}/dashboard/stream`, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`the feed answered ${response.statusCode}`));
      const page: OpenPage = { response, firstBytes: 0, bytes: 0, events: 0, recent: [], most: 0 };
      let first = true;
      response.on('data', (chunk: Buffer) => {
        if (first) {
          page.firstBytes += chunk.length;
          if (chunk.subarray(-2).equals(END)) {
            first = false;
            resolve(page);
          }
          return;
        }
        count(page, chunk);
      });
      response.on('error', () => {});
    }).on('error', reject);
  });
}

function count(page: OpenPage, chunk: Buffer): void {
  const atMs = performance.now();
  page.bytes += chunk.length;
  for (let at = chunk.indexOf(END); at >= 0; at = chunk.indexOf(END, at + 2)) page.events++;
  page.recent.push({ atMs, bytes: chunk.length });
  while ((page.recent[0]?.atMs ?? atMs) < atMs - SPAN_MS) page.recent.shift();
  if (atMs - fromMs < SPAN_MS) return;
  const bytes = page.recent.reduce((sum, one) => sum + one.bytes, 0);
  page.most = Math.max(page.most, (bytes * 1000) / SPAN_MS);
}

function close(): PagesRead {
  const seconds = (performance.now() - fromMs) / 1000;
  for (const { response } of pages) response.destroy();
  const sum = (of: (page: OpenPage) => number) => pages.reduce((total, page) => total + of(page), 0);
  const mean = sum((page) => page.bytes) / Math.max(1, pages.length) / seconds;
  return {
    pages: pages.length,
    seconds,
    bytes: sum((page) => page.bytes),
    events: sum((page) => page.events),
    // Shorter than one span: its mean.
    mostBytesPerSecond: Math.max(mean, ...pages.map((page) => page.most)),
    firstBytes: pages[0]?.firstBytes ?? 0,
  };
}

async function answer(message: PagesMessage): Promise<PagesReply> {
  switch (message.type) {
    case 'open':
      pages = await Promise.all(Array.from({ length: message.pages }, () => openPage(message.url)));
      fromMs = performance.now();
      return { type: 'opened' };
    case 'close':
      return { type: 'closed', read: close() };
  }
}

process.on('message', (message: PagesMessage) => {
  void answer(message).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready' } satisfies PagesReply);
