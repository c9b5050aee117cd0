import { z } from 'zod';
import { operationSchema } from '../../dashboard/operate.js';
import { askSchema, cancelSchema } from '../../dashboard/what-if/ask.js';
import { batchBodySchema } from '../batches/batch.js';
import { uploadSchema } from '../batches/files.js';
import { PAGING } from '../batches/paging.js';
import { chatBodySchema, completionBodySchema } from '../openai/schemas.js';
import { asyncBodySchema } from '../requests/schemas.js';
import {
  chatAnswer,
  chatChunk,
  completionAnswer,
  errorAnswer,
  healthAnswer,
  modelAnswer,
  modelsAnswer,
  outcomeAnswer,
  quoteAnswer,
  requestAnswer,
} from './answers.js';
import { batchAnswer, batchesAnswer, deletedAnswer, fileAnswer, filesAnswer } from './batch-answers.js';
import type { Refusal } from './refusals.js';

/** A schema under the name that it has in the document. */
export type Named = Record<string, z.ZodType>;

/** What the document says of an operation beyond its path. */
export interface Operation {
  summary: string;
  body?: Named;
  /** The body comes as a form (multipart/form-data), not as JSON. */
  form?: boolean;
  /** Status of the answer; default 200. */
  status?: number;
  answer?: Named;
  /** Media type of an answer that is not JSON. */
  text?: string;
  /** Of one event of a stream, where the answer can be one. */
  event?: Named;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  /** Beside those that every operation of its kind has (document.ts). */
  refusals?: readonly Refusal[];
  /** It needs no key. */
  open?: boolean;
}

const IDEMPOTENCY = { 'idempotency-key': 'The same key, body and level are one request for a day.' };
const LEVEL = { 'x-slo-level': 'SLO level, where the body names none.' };
const SENDS = {
  ...LEVEL,
  'x-slo-relegate': 'true: it may be served at a lower level, where the body does not say.',
  ...IDEMPOTENCY,
};
const TAKEN: readonly Refusal[] = [403, 404, 409, 413, 429, 503];
const ANSWERED: readonly Refusal[] = [...TAKEN, 502, 504];

const either = z.union([chatBodySchema, completionBodySchema]);
const eitherLater = z.union([
  chatBodySchema.extend(asyncBodySchema.shape),
  completionBodySchema.extend(asyncBodySchema.shape),
]);
const FAILED = 'One that fails after its first token ends with an error.';
const chatEvent = z.union([chatChunk, errorAnswer]).describe(FAILED);
const completionEvent = z.union([completionAnswer, errorAnswer]).describe(FAILED);
const streamEvent = z.union([chatChunk, completionAnswer, errorAnswer]).describe(FAILED);

/** By method and path, as routes are registered. A route that is not here is in the document without details. */
export const OPERATIONS: Record<string, Operation> = {
  'POST /v1/chat/completions': {
    summary: 'Answers a chat, whole or as server-sent events.',
    body: { ChatBody: chatBodySchema },
    answer: { ChatAnswer: chatAnswer },
    event: { ChatEvent: chatEvent },
    headers: SENDS,
    refusals: ANSWERED,
  },
  'POST /v1/completions': {
    summary: 'Completes a prompt, whole or as server-sent events.',
    body: { CompletionBody: completionBodySchema },
    answer: { CompletionAnswer: completionAnswer },
    event: { CompletionEvent: completionEvent },
    headers: SENDS,
    refusals: ANSWERED,
  },
  'GET /v1/models': {
    summary: 'The models, with the levels that serve each.',
    answer: { Models: modelsAnswer },
  },
  'GET /v1/models/*': {
    summary: 'One of the models; its id may have slashes.',
    answer: { Model: modelAnswer },
  },
  'POST /v1/quote': {
    summary: 'What would become of a chat or a completion now, by level, and its price; nothing is sent.',
    body: { QuoteBody: either },
    answer: { Quote: quoteAnswer },
    headers: LEVEL,
    refusals: [404, 413, 503],
  },
  'POST /v1/files': {
    summary: 'Keeps a file of requests.',
    body: { Upload: uploadSchema },
    form: true,
    answer: { File: fileAnswer },
    refusals: [413, 503],
  },
  'GET /v1/files': {
    summary: "The tenant's files, the newest first.",
    answer: { Files: filesAnswer },
    query: {
      ...PAGING,
      order: 'desc (the newest first) or asc.',
      purpose: 'Only those: batch, batch_output.',
    },
  },
  'GET /v1/files/:id': { summary: 'What is known of a file.', answer: { File: fileAnswer } },
  'GET /v1/files/:id/content': { summary: 'The content of a file.', text: 'application/octet-stream' },
  'DELETE /v1/files/:id': { summary: 'Deletes a file.', answer: { DeletedFile: deletedAnswer } },
  'POST /v1/batches': {
    summary: 'Runs a file of requests at the lowest level, due by the end of a window.',
    body: { BatchBody: batchBodySchema },
    answer: { Batch: batchAnswer },
    refusals: [404, 503],
  },
  'GET /v1/batches': {
    summary: "The tenant's batches, the newest first.",
    answer: { Batches: batchesAnswer },
    query: PAGING,
  },
  'GET /v1/batches/:id': { summary: 'Where a batch stands.', answer: { Batch: batchAnswer } },
  'POST /v1/batches/:id/cancel': {
    summary: 'Ends a batch; what is done is kept.',
    answer: { Batch: batchAnswer },
  },
  'POST /v1/requests': {
    summary: 'Accepts the body of a chat or a completion and answers at once with its id.',
    body: { AsyncBody: eitherLater },
    status: 202,
    answer: { Request: requestAnswer },
    headers: SENDS,
    refusals: TAKEN,
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
    event: { StreamEvent: streamEvent },
    refusals: [499, 502, 504],
    query: { from: 'Number of the first token wanted, 0 first.' },
    headers: { 'last-event-id': 'The same, as browsers send it.' },
  },
  'GET /health/live': { summary: 'The process answers.', answer: { Health: healthAnswer }, open: true },
  'GET /health/ready': {
    summary: 'It takes requests; 503 while it stops or Redis does not answer.',
    answer: { Health: healthAnswer },
    open: true,
  },
  'POST /dashboard/operate': {
    summary: "An operator's hand on planners and workers.",
    body: { Operation: operationSchema },
    answer: { Outcome: outcomeAnswer },
    refusals: [403, 404, 503],
  },
  'POST /dashboard/what-if/run': {
    summary: 'Begins a simulation of other settings; GET shows how far it is.',
    body: { WhatIf: askSchema },
    status: 202,
    refusals: [403, 404, 409, 503],
  },
  'POST /dashboard/what-if/cancel': {
    summary: 'Ends a simulation.',
    body: { WhatIfCancel: cancelSchema },
    refusals: [403, 404],
  },
  'GET /metrics': {
    summary: "The whole system and this gateway, in Prometheus' text format.",
    text: 'text/plain',
    refusals: [403],
  },
  'GET /metrics/targets': { summary: "Every process with metrics, for Prometheus' HTTP service discovery." },
  'GET /openapi.json': { summary: 'This document.', open: true },
};
