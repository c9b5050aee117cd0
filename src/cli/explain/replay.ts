import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { SluiceError } from '../../contract/errors.js';
import { type TransitionRecord, transitionSchema } from '../../contract/transition.js';
import { unreadable } from '../../contract/unreadable.js';
import { recomputeStep } from '../../scheduler/planner-loop/replay.js';
import { type FieldDifference, otherPool, RecordChain } from './chain.js';

/** What came of computing the records of a file again. */
export interface Replay {
  records: number;
  /** Recomputed to the same answer. */
  same: number;
  differ: Difference[];
}

interface Difference {
  line: number;
  pool: string;
  sequence: number;
  atMs: number;
  /** Fields of the record that are not the same, with both sides. */
  fields: FieldDifference[];
}

/**
 * Computes every record of a JSONL file again, from what it rested on alone, and compares it with the one before it of its pool.
 * @throws SluiceError not_found without such a file, invalid_request for one that cannot be read, and with line and reason
 *   where a line is no record or has a field that records do not have.
 */
export async function replayFile(file: string): Promise<Replay> {
  const replay: Replay = { records: 0, same: 0, differ: [] };
  const chain = new RecordChain();
  let number = 0;
  for await (const text of linesOf(file)) {
    number++;
    if (text.trim() === '') continue;
    const record = parsed(text, `${file}:${number}`);
    replay.records++;
    const step = recomputeStep(record);
    const own = [...otherPool(record), ...differences(record, step?.decision ?? null)];
    const fields = [...own, ...chain.add(record, step?.snapshot ?? null)];
    if (fields.length === 0) replay.same++;
    else
      replay.differ.push({
        line: number,
        pool: record.pool,
        sequence: record.sequence,
        atMs: record.atMs,
        fields,
      });
  }
  if (replay.records === 0)
    throw new SluiceError('invalid_request', `${file}: expected decision records, one a line, got none`);
  return replay;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, 'utf8');
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw unreadable('a file of decision records', file, error);
  } finally {
    stream.destroy();
  }
}

function parsed(text: string, where: string): TransitionRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SluiceError('invalid_request', `${where}: expected a decision record in JSON, got other text`);
  }
  const result = transitionSchema.safeParse(value);
  if (result.success) {
    const unknown = unknownField(value, result.data);
    if (unknown === null) return result.data;
    throw new SluiceError(
      'invalid_request',
      `${where}: expected a decision record, got a field that records do not have: ${unknown}`,
    );
  }
  const issue = result.error.issues[0];
  throw new SluiceError(
    'invalid_request',
    `${where}: expected a decision record, ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not one'}`,
  );
}

/** The path of the first field that parsing left out; null: none. */
function unknownField(value: unknown, parsed: unknown): string | null {
  if (typeof value !== 'object' || value === null || typeof parsed !== 'object' || parsed === null)
    return null;
  const known = new Map(Object.entries(parsed));
  for (const [name, inner] of Object.entries(value)) {
    if (!known.has(name)) return name;
    const deeper = unknownField(inner, known.get(name));
    if (deeper !== null) return `${name}.${deeper}`;
  }
  return null;
}

/** As JSON carries them: a field that is absent and one that is undefined are the same. */
function differences(recorded: TransitionRecord, recomputed: TransitionRecord | null): FieldDifference[] {
  const plain = (value: unknown): unknown =>
    value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  const a: Record<string, unknown> = { ...recorded };
  const b: Record<string, unknown> = { ...recomputed };
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => !isDeepStrictEqual(plain(a[name]), plain(b[name])))
    .map((name) => ({ name, recorded: a[name], recomputed: b[name] }));
}
