import { z } from 'zod';
import { describeIssues } from '../../admission/limits.js';
import { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';
import { type Asked, type Endpoint, PATHS, readAsked } from '../openai/endpoints.js';

/** Most requests of one batch. */
const MOST_LINES = 50_000;
const MOST_ERRORS = 20;

const lineSchema = z.object({
  custom_id: z.string('expected a text').min(1).max(512),
  method: z.literal('POST', 'expected POST').optional(),
  url: z.string('expected a text'),
  body: z.record(z.string(), z.unknown()),
});

/** One request of a batch. */
export interface Line {
  customId: string;
  asked: Asked;
}

/** What is wrong with an input file, as OpenAI tells it. */
export interface LineError {
  code: string;
  line: number | null;
  message: string;
  param: string | null;
}

/** Reads an input file: a request a line, or all that is wrong with it (the first ones of many). */
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

function readLine(text: string, endpoint: Endpoint): Line {
  const value = parseJson(text);
  if (value === undefined) throw wrong('expected a JSON object');
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) throw wrong(describeIssues(parsed.error));
  const { custom_id: customId, url, body } = parsed.data;
  if (url !== PATHS[endpoint])
    throw wrong(`url: expected the batch's endpoint ${PATHS[endpoint]}, got ${url.slice(0, 100)}`);
  if (body.stream === true) throw wrong('body.stream: a batch does not stream');
  return { customId, asked: readAsked(endpoint, body) };
}

function wrong(message: string): SluiceError {
  return new SluiceError('invalid_request', message);
}
