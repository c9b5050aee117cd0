import { z } from 'zod';
import { batchBodySchema, batchSchema, batchStatus } from '../batches/batch.js';

/** What the gateway answers of files and batches, in OpenAI's shape; times are Unix seconds. */

export const fileAnswer = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int().min(0),
  created_at: z.int(),
  expires_at: z.int(),
  filename: z.string(),
  purpose: z.enum(['batch', 'batch_output']),
  status: z.literal('processed'),
});

export const deletedAnswer = z.object({
  id: z.string(),
  object: z.literal('file'),
  deleted: z.literal(true),
});

const time = z.int().nullable();

export const batchAnswer = z.object({
  id: z.string(),
  object: z.literal('batch'),
  endpoint: batchBodySchema.shape.endpoint,
  errors: z
    .object({ object: z.literal('list'), data: batchSchema.shape.errors })
    .nullable()
    .describe('Of a file that is wrong, by line.'),
  input_file_id: z.string(),
  completion_window: batchBodySchema.shape.completion_window,
  slo_level: z.string(),
  status: batchStatus,
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: time,
  expires_at: z.int(),
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: batchSchema.shape.metadata,
});

export const filesAnswer = listOf(fileAnswer);
export const batchesAnswer = listOf(batchAnswer);

function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean().describe('There is more after last_id.'),
  });
}
