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
      thpt_per_gpu: points.map(
        ({ context, batch }) => (1000 * batch) / (4 + 0.05 * batch + 0.00002 * context * batch),
      ),
      max_kv_tokens: 200_000,
    },
  };
}

/** `ownProfile` as a sweep of 500 output tokens whose prompts were found in the cache, or computed one after another. */
export function sweptProfile({ computed }: { computed: boolean }) {
  const profile = ownProfile();
  const { decode } = profile;
  decode.context_length.forEach((context, i) => {
    const batch = [1, 5, 20][i % 3] ?? 1;
    const isl = context - 250;
    const together = Math.floor(8192 / isl);
    const others = computed ? (0.02 * isl * Math.max(0, batch - together)) / 2 / 499 : 0;
    const itl = (decode.itl_ms[i] ?? 0) + others;
    const firstMs = computed ? 10 + 0.02 * isl * ((batch + 1) / 2) : 15;
    decode.itl_ms[i] = itl;
    decode.thpt_per_gpu[i] = (1000 * batch * 500) / (firstMs + 499 * itl);
  });
  return profile;
}

export function parse(profile: unknown): MeasuredTable {
  return readTable('p', [{ name: 'p.json', bytes: Buffer.from(JSON.stringify(profile)) }]);
}
