import type { TokenDetail } from '../../contract/openai.js';
import { type RequestResult, SERVICE_TIERS } from '../../contract/request.js';

/** What every chunk of one answer has in common. */
export interface AnswerHead {
  id: string;
  model: string;
  /** The level that serves it. */
  level: string;
  /** Unix seconds. */
  created: number;
}

/** How the answers of one endpoint look; each part of a stream is one server-sent event, ready to be written. */
export interface AnswerFormat {
  stream(head: AnswerHead): StreamFormat;
  /** The whole answer, for a request that does not stream. */
  whole(head: AnswerHead, result: RequestResult): object;
}

export interface StreamFormat {
  /** Comes before the first token; empty where the endpoint has nothing to say then. */
  begin(): string;
  text(text: string): string;
  /** A token that is more than text. */
  detail(detail: TokenDetail): string;
  finish(result: RequestResult): string;
  usage(result: RequestResult): string;
}

/** OpenAI's name of a level; a level that it has no name for goes by its own. */
export function tierOf(level: string): string {
  for (const [tier, name] of Object.entries(SERVICE_TIERS)) if (name === level) return tier;
  return level;
}

/** OpenAI's usage object, with what else the engine counted. */
export function usageOf(result: RequestResult): object {
  const { promptTokens, completionTokens } = result.usage;
  return {
    ...result.engineUsage,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

export function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export const DONE = 'data: [DONE]\n\n';
