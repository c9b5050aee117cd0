import { z } from 'zod';
import { estimateTokens } from '../../contract/tokens.js';
import { BadRow, MAX_ROW_TOKENS, ROW_BLOCK_TOKENS, type RowParser, show, type TraceRow } from './row.js';

const tokens = z.number().int().min(1).max(MAX_ROW_TOKENS);

const mooncakeSchema = z.object({
  /** Milliseconds. */
  timestamp: z.number().min(0),
  input_length: tokens,
  output_length: tokens,
  hash_ids: z.array(z.number().int().min(0)),
});

const ownSchema = z
  .object({
    at_seconds: z.number().min(0),
    isl: tokens.optional(),
    osl: tokens,
    slo_level: z.string().min(1).optional(),
    id: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'expected 1 to 100 of letters, digits, ".", "_", "-"')
      .optional(),
    prompt: z.string().min(1).optional(),
  })
  .refine((row) => row.isl !== undefined || row.prompt !== undefined, 'expected isl or prompt, got neither');

/** Rows of the Mooncake traces: JSON lines of timestamp (ms), input_length, output_length and hash_ids. */
export function mooncakeParser(): RowParser {
  return (text) => {
    const row = parseJson(text, mooncakeSchema);
    const blocks = Math.ceil(row.input_length / ROW_BLOCK_TOKENS);
    if (row.hash_ids.length !== blocks)
      throw new BadRow(
        `expected ${blocks} hash_ids for input_length ${row.input_length} (blocks of ${ROW_BLOCK_TOKENS} tokens), ` +
          `got ${row.hash_ids.length}`,
      );
    return {
      atSeconds: row.timestamp / 1000,
      isl: row.input_length,
      osl: row.output_length,
      blocks: row.hash_ids,
    };
  };
}

/**
 * Rows of our own: JSON lines of at_seconds, isl, osl and, if wanted, slo_level, id, prompt (its length goes before isl).
 * @param levels that a row may name; absent: any
 */
export function jsonlParser(levels?: readonly string[]): RowParser {
  const ids = new Set<string>();
  return (text) => {
    const row = parseJson(text, ownSchema);
    const isl = row.prompt === undefined ? (row.isl ?? 0) : estimateTokens(row.prompt);
    if (isl < 1) throw new BadRow('expected a prompt with text in it, got only spaces');
    if (row.slo_level !== undefined && levels?.includes(row.slo_level) === false)
      throw new BadRow(`expected an SLO level of ${levels.join(', ')}, got ${show(row.slo_level)}`);
    if (row.id !== undefined) {
      if (ids.has(row.id)) throw new BadRow(`expected an id of its own, got ${show(row.id)} again`);
      ids.add(row.id);
    }
    const parsed: TraceRow = { atSeconds: row.at_seconds, isl, osl: row.osl };
    if (row.slo_level !== undefined) parsed.level = row.slo_level;
    if (row.id !== undefined) parsed.id = row.id;
    if (row.prompt !== undefined) parsed.prompt = row.prompt;
    return parsed;
  };
}

function parseJson<T>(text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadRow(`expected one JSON object, got ${show(text)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  throw new BadRow(`${path === '' ? 'row' : path}: ${issue?.message ?? 'not a row'}`);
}
