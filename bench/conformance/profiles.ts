import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { ClassicProfile } from '../../src/planning/classic/replicas.js';
import { loadMeasuredTable } from '../../src/profile/load.js';
import { decodeGrid } from '../../src/profile/tables/grid.js';
import { interpolatePrefill } from '../../src/profile/tables/prefill.js';
import type { DecodeGrid, DecodeTable } from '../../src/profile/tables/types.js';
import { problemOf } from './cases.js';

const rows = z.array(z.array(z.number()));
const gridSchema = z.object({
  xi: z.array(z.number()).min(2),
  yi: z.array(z.number()).min(2),
  itl_ms: rows,
  thpt_per_gpu: rows,
  max_kv_tokens: z.number().positive(),
});

/** Profiles by path, relative to the folder above the case file; each is read once. */
export class Profiles {
  readonly #root: string;
  readonly #known = new Map<string, ClassicProfile>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @throws Error, fit for a reader, where it is not there or not valid. */
  get(path: string): ClassicProfile {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const profile = readProfile(join(this.#root, path));
    this.#known.set(path, profile);
    return profile;
  }
}

function readProfile(file: string): ClassicProfile {
  const name = basename(file, '.json');
  const table = loadMeasuredTable(file);
  const recorded = join(dirname(file), 'grids', `${name}_grid.json`);
  const grid = existsSync(recorded) ? readGrid(recorded) : classicGrid(table.decode);
  return { prefill: interpolatePrefill(table.prefill), grid };
}

/** Upstream interpolates the column as it was recorded. */
function classicGrid(decode: DecodeTable): DecodeGrid {
  return decodeGrid({ ...decode, throughputPerGpu: decode.recordedThroughputPerGpu });
}

function readGrid(file: string): DecodeGrid {
  const parsed = gridSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}: ${problemOf(parsed.error)}`);
  const { xi, yi, itl_ms, thpt_per_gpu, max_kv_tokens } = parsed.data;
  return {
    kvUsage: xi,
    contextLength: yi,
    itlMs: itl_ms,
    throughputPerGpu: thpt_per_gpu,
    maxKvTokens: max_kv_tokens,
  };
}
