import { z } from 'zod';
import { describeIssues } from '../../admission/limits.js';
import { SluiceError } from '../../contract/errors.js';
import { isRecord } from '../../contract/reply.js';
import { assertSafe, parseText } from '../json.js';
import { type Asked, type Endpoint, PATHS, readAsked } from '../openai/endpoints.js';

/** Most requests of one batch. */
const MOST_LINES = 50_000;
const MOST_ERRORS = 20;

const lineSchema = z.object({
  custom_id: z.string('expected a text').min(1).max(512),
  method: z.literal('POST', 'expected POST').optional(),
  url: z.string('expected a text'),
  // As it came: a schema of its fields would drop some.
  body: z.custom<Record<string, unknown>>(isRecord, 'expected an object'),
});

/** One request of a batch. Its body is as it came: one that is wrong fails when it is sent, and no other line does. */
export interface Line {
  customId: string;
  body: Record<string, unknown>;
}

/** What is wrong with an input file, as OpenAI tells it. */
export interface LineError {
  code: string;
  line: number | null;
  message: string;
  param: string | null;
}

/** Reads an input file: a request a line, or all that is wrong with its format (the first ones of many). */
export function readLines(content: string, endpoint: Endpoint): { lines: Line[]; errors: LineError[] } {
  const lines: Line[] = [];
  const errors: LineError[] = [];
  const seen = new Set<string>();
  const texts = content.split('\n');
  for (const [at, text] of texts.entries()) {
    if (text.trim() === '') continue;
    if (errors.length >= MOST_ERRORS) break;
    try {
      const line = readLine(text, endpoint);
      if (seen.has(line.customId)) throw wrong(`custom_id: ${JSON.stringify(line.customId)} comes twice`);
      seen.add(line.customId);
      lines.push(line);
    } catch (error) {
      const { message } = SluiceError.from(error);
      errors.push({ code: 'invalid_request', line: at + 1, message, param: null });
    }
  }
  if (lines.length > MOST_LINES) {
    const message = `expected at most ${MOST_LINES} requests, got ${lines.length}`;
    return { lines: [], errors: [{ code: 'too_many_requests', line: null, message, param: null }] };
  }
  if (lines.length === 0 && errors.length === 0) {
    const message = 'expected a request a line, got an empty file';
    return { lines: [], errors: [{ code: 'empty_file', line: null, message, param: null }] };
  }
  return { lines, errors };
}

/** What a line asks for, by the rules of its endpoint. Errors: `invalid_request`, as over HTTP. */
export function readBody(endpoint: Endpoint, { body }: Line): Asked {
  assertSafe(body);
  const asked = readAsked(endpoint, body);
  if (asked.body.stream === true) throw wrong('stream: expected false or nothing: a batch does not stream');
  return asked;
}

function readLine(text: string, endpoint: Endpoint): Line {
  if (/\r./.test(text)) throw wrong('expected lines that end with \\n or \\r\\n, got a lone \\r');
  const parsed = lineSchema.safeParse(parseText(text, 'line'));
  if (!parsed.success) throw wrong(describeIssues(parsed.error));
  const { custom_id: customId, url, body } = parsed.data;
  if (url !== PATHS[endpoint])
    throw wrong(`url: expected the batch's endpoint ${PATHS[endpoint]}, got ${url.slice(0, 100)}`);
  return { customId, body };
}

function wrong(message: string): SluiceError {
  return new SluiceError('invalid_request', message);
}
