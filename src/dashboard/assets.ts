import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { built } from './built.js';

/** A file of the page, compressed once. */
export interface Asset {
  type: string;
  /** Its name changes with its content, so it may be kept for ever. */
  lasting: boolean;
  plain: Buffer;
  gzip: Buffer;
  brotli: Buffer;
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/**
 * Nothing but this server: no other host, no inline script or style, no frame around it. What the page shows came from
 * prompts, tenants and engines, so even a mistake in it must not run anything.
 */
export const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** The files of the built page by their path; none where it was not built (`npm run build`). */
export function pageAssets(): Map<string, Asset> {
  const folder = built('page');
  if (folder === undefined) return new Map();
  return new Map(
    readdirSync(folder).flatMap((name): [string, Asset][] => {
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
      if (type === undefined) return [];
      const plain = readFileSync(join(folder, name));
      const path = name === 'index.html' ? '/' : `/assets/${name}`;
      const lasting = path !== '/';
      return [[path, { type, lasting, plain, gzip: gzipSync(plain), brotli: brotliCompressSync(plain) }]];
    }),
  );
}
