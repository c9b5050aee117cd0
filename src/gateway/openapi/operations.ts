import type { z } from 'zod';
import { batchBodySchema } from '../batches/batch.js';
import { chatBodySchema, completionBodySchema } from '../openai/schemas.js';
import { asyncBodySchema } from '../requests/schemas.js';
import {
  chatAnswer,
  chatChunk,
  completionAnswer,
  healthAnswer,
  modelsAnswer,
  requestAnswer,
} from './answers.js';

/** A schema under the name that it has in the document. */
export type Named = Record<string, z.ZodType>;

/** What the document says of an operation beyond its path. */
export interface Operation {
  summary: string;
  body?: Named;
  /** Status of the answer; default 200. */
  status?: number;
  answer?: Named;
  /** Of one event of a stream, where the answer can be one. */
  event?: Named;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  /** It needs no key. */
  open?: boolean;
}

const IDEMPOTENCY = { 'idempotency-key': 'The same key and body are one request for a day.' };
const LEVEL = { 'x-slo-level': 'SLO level, where the body names none.', ...IDEMPOTENCY };

/** By method and path, as routes are registered. A route that is not here is in the document without details. */
export const OPERATIONS: Record<string, Operation> = {
  'POST /v1/chat/completions': {
    summary: 'Answers a chat, whole or as server-sent events.',
    body: { ChatBody: chatBodySchema },
    answer: { ChatAnswer: chatAnswer },
    event: { ChatChunk: chatChunk },
    headers: LEVEL,
  },
  'POST /v1/completions': {
    summary: 'Completes a prompt, whole or as server-sent events.',
    body: { CompletionBody: completionBodySchema },
    answer: { CompletionAnswer: completionAnswer },
    event: { CompletionAnswer: completionAnswer },
    headers: LEVEL,
  },
  'GET /v1/models': {
    summary: 'The models, with the levels that serve each.',
    answer: { Models: modelsAnswer },
  },
  'POST /v1/quote': {
    summary: 'What would become of a chat or a completion now, by level, and its price; nothing is sent.',
    body: { AsyncBody: asyncBodySchema },
  },
  'POST /v1/files': { summary: 'Keeps a file of requests (multipart: file, and purpose batch).' },
  'GET /v1/files': { summary: "The tenant's files." },
  'GET /v1/files/:id': { summary: 'What is known of a file.' },
  'GET /v1/files/:id/content': { summary: 'The content of a file.' },
  'DELETE /v1/files/:id': { summary: 'Deletes a file.' },
  'POST /v1/batches': {
    summary: 'Runs a file of requests at the lowest level, due by the end of a window.',
    body: { BatchBody: batchBodySchema },
  },
  'GET /v1/batches': { summary: "The tenant's batches, the newest first." },
  'GET /v1/batches/:id': { summary: 'Where a batch stands.' },
  'POST /v1/batches/:id/cancel': { summary: 'Ends a batch; what is done is kept.' },
  'POST /v1/requests': {
    summary: 'Accepts the body of a chat or a completion and answers at once with its id.',
    body: { AsyncBody: asyncBodySchema },
    status: 202,
    answer: { Request: requestAnswer },
    headers: LEVEL,
  },
  'GET /v1/requests/:id': {
    summary: 'Where a request stands, and its answer once it has ended.',
    answer: { Request: requestAnswer },
  },
  'DELETE /v1/requests/:id': {
    summary: 'Cancels a request, waiting or running.',
    answer: { Request: requestAnswer },
  },
  'GET /v1/requests/:id/stream': {
    summary: "A request's tokens from a token on, as its endpoint streams them.",
    event: { ChatChunk: chatChunk },
    query: { from: 'Number of the first token wanted, 0 first.' },
    headers: { 'last-event-id': 'The same, as browsers send it.' },
  },
  'GET /health/live': { summary: 'The process answers.', answer: { Health: healthAnswer }, open: true },
  'GET /health/ready': {
    summary: 'It takes requests; 503 while it stops or Redis does not answer.',
    answer: { Health: healthAnswer },
    open: true,
  },
  'GET /metrics': { summary: "The whole system and this gateway, in Prometheus' text format." },
  'GET /metrics/targets': { summary: "Every process with metrics, for Prometheus' HTTP service discovery." },
  'GET /openapi.json': { summary: 'This document.', open: true },
};
