import { z } from 'zod';
import { resultSchema } from './request.js';

const tokenFrameSchema = z.object({
  type: z.literal('tokens'),
  id: z.string(),
  /** Index of the first token. */
  index: z.number().int().min(0),
  tokens: z.array(z.string()),
  /** Unix milliseconds at which each token was made; 0: unknown. */
  atMs: z.array(z.number()),
  workerId: z.string(),
});
/** Tokens of one request, in order: `tokens[k]` has index `index + k` and was made at `atMs[k]`. */
export type TokenFrame = z.output<typeof tokenFrameSchema>;

const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('completed'), result: resultSchema }),
  z.object({ kind: z.enum(['failed', 'expired', 'cancelled']), code: z.string(), message: z.string() }),
]);

const endFrameSchema = z.object({
  type: z.literal('end'),
  id: z.string(),
  outcome: outcomeSchema,
});
/** The end of one request. Published only after the end is durable in Redis. */
export type EndFrame = z.output<typeof endFrameSchema>;

/** The request goes on in another pool, by its name. */
const movedFrameSchema = z.object({ type: z.literal('moved'), id: z.string(), pool: z.string() });
export type MovedFrame = z.output<typeof movedFrameSchema>;

export type ReplyFrame = TokenFrame | EndFrame | MovedFrame;

const replySchema = z.array(
  z.discriminatedUnion('type', [tokenFrameSchema, endFrameSchema, movedFrameSchema]),
);

/** Reads a message of a reply channel; what is not one yields no frames (clients look up what they miss). */
export function parseReply(message: string): ReplyFrame[] {
  const value = parseJson(message);
  if (Array.isArray(value) && value.every(isTokenFrame)) return value;
  const parsed = replySchema.safeParse(value);
  return parsed.success ? parsed.data : [];
}

/** What the schema says of a frame with tokens, by hand: nearly all are such, several for each token that is made. */
function isTokenFrame(value: unknown): value is TokenFrame {
  if (!isRecord(value)) return false;
  const { type, id, index, tokens, atMs, workerId } = value;
  return (
    type === 'tokens' &&
    typeof id === 'string' &&
    typeof workerId === 'string' &&
    isCount(index) &&
    Array.isArray(tokens) &&
    tokens.every((token) => typeof token === 'string') &&
    Array.isArray(atMs) &&
    atMs.every((at) => Number.isFinite(at))
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

const controlSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('cancel'), id: z.string() }),
  /** This worker drains; with `now` its requests go back to the queue at once. */
  z.object({ type: z.literal('drain'), workerId: z.string(), now: z.boolean() }),
  /** This worker's drain is taken back. */
  z.object({ type: z.literal('keep'), workerId: z.string() }),
  /** Send this request's tokens and end to one more reply channel. */
  z.object({ type: z.literal('attach'), id: z.string(), replyTo: z.string() }),
  /**
   * A request within its tenant's share was queued while another tenant's work waits. With `keeper` it was refused, and that
   * worker is to keep a place for the next.
   */
  z.object({ type: z.literal('within'), tenant: z.string(), keeper: z.string().optional() }),
]);
/** A message to the workers of a pool. */
export type ControlMessage = z.output<typeof controlSchema>;

/** Reads a message of a control channel; undefined when it is not one. */
export function parseControl(message: string): ControlMessage | undefined {
  return controlSchema.safeParse(parseJson(message)).data;
}

/** JSON or undefined; never throws. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A JSON object: no array, no null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
