#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/bench/conformance/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('conformance: not built yet; run `npm run build`\n');
  process.exit(1);
}
await import(main.href);
