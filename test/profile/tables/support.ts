import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readTable } from '../../../src/profile/tables/read.js';
import type { MeasuredTable } from '../../../src/profile/tables/types.js';

/** Measurements and cases that are not part of this repository. */
export const SHARED = fileURLToPath(new URL('../../../../shared/', import.meta.url));
export const hasShared = existsSync(`${SHARED}profiles`);

export function sharedTable(name: string): MeasuredTable {
  const file = `${SHARED}profiles/${name}.json`;
  return readTable(name, [{ name: file, bytes: readFileSync(file) }]);
}

/** Our own JSON of a profile whose law is TTFT = 10 + 0.02 n ms, ITL = 4 + 0.05 batch + 0.00002 kvTokens ms. */
export function ownProfile() {
  const isl = [100, 1000, 4000, 8000];
  const points = [350, 2000, 5000].flatMap((context) => [1, 5, 20].map((batch) => ({ context, batch })));
  return {
    meta: { model: 'm', gpu: 'g', gpus_per_prefill_engine: 1, gpus_per_decode_engine: 1, note: 'made up' },
    prefill: {
      isl,
      ttft_ms: isl.map((n) => 10 + 0.02 * n),
      thpt_per_gpu: isl.map((n) => (1000 * n) / (10 + 0.02 * n)),
    },
    decode: {
      kv_usage: points.map(({ context, batch }) => (context * batch) / 200_000),
      context_length: points.map(({ context }) => context),
      itl_ms: points.map(({ context, batch }) => 4 + 0.05 * batch + 0.00002 * context * batch),
      thpt_per_gpu: points.map(({ batch }) => 100 * batch),
      max_kv_tokens: 200_000,
    },
  };
}

export function parse(profile: unknown): MeasuredTable {
  return readTable('p', [{ name: 'p.json', bytes: Buffer.from(JSON.stringify(profile)) }]);
}
