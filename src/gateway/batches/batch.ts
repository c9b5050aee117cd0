import { z } from 'zod';
import { PATHS } from '../openai/endpoints.js';

/** Lengths of the windows that a batch may ask for, seconds. */
export const WINDOWS = { '1h': 3_600, '4h': 14_400, '24h': 86_400 } as const;

/** Body of `POST /v1/batches`. */
export const batchBodySchema = z.object({
  input_file_id: z.string().max(128),
  endpoint: z.enum([PATHS.chat, PATHS.completions], `expected ${PATHS.chat} or ${PATHS.completions}`),
  completion_window: z.enum(['1h', '4h', '24h'], 'expected 1h, 4h or 24h'),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
});

export const batchStatus = z.enum([
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
]);

const time = z.number().nullable();

/** A batch as it is kept. Times are Unix seconds. */
export const batchSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  /** Key that it was made with; null: the gateway asks for none. */
  keyId: z.string().nullable(),
  endpoint: z.enum(['chat', 'completions']),
  level: z.string(),
  model: z.string(),
  window: z.enum(['1h', '4h', '24h']),
  inputFile: z.string(),
  outputFile: z.string().nullable(),
  errorFile: z.string().nullable(),
  status: batchStatus,
  errors: z.array(
    z.object({
      code: z.string(),
      line: z.number().nullable(),
      message: z.string(),
      param: z.string().nullable(),
    }),
  ),
  total: z.number(),
  metadata: z.record(z.string(), z.string()).nullable(),
  createdAt: z.number(),
  expiresAt: z.number(),
  inProgressAt: time,
  finalizingAt: time,
  completedAt: time,
  failedAt: time,
  expiredAt: time,
  cancellingAt: time,
  cancelledAt: time,
});
export type Batch = z.output<typeof batchSchema>;

const ENDED: readonly Batch['status'][] = ['failed', 'completed', 'expired', 'cancelled'];

/** Whether nothing more happens to it. */
export function isEnded({ status: now }: Batch): boolean {
  return ENDED.includes(now);
}

/** A batch as OpenAI's API shows it. */
export function batchObject(batch: Batch, counts: { completed: number; failed: number }): object {
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint === 'chat' ? '/v1/chat/completions' : '/v1/completions',
    errors: batch.errors.length === 0 ? null : { object: 'list', data: batch.errors },
    input_file_id: batch.inputFile,
    completion_window: batch.window,
    slo_level: batch.level,
    status: batch.status,
    output_file_id: batch.outputFile,
    error_file_id: batch.errorFile,
    created_at: batch.createdAt,
    in_progress_at: batch.inProgressAt,
    expires_at: batch.expiresAt,
    finalizing_at: batch.finalizingAt,
    completed_at: batch.completedAt,
    failed_at: batch.failedAt,
    expired_at: batch.expiredAt,
    cancelling_at: batch.cancellingAt,
    cancelled_at: batch.cancelledAt,
    request_counts: { total: batch.total, ...counts },
    metadata: batch.metadata,
  };
}
