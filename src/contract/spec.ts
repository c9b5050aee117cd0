import { z } from 'zod';
import { workerRoleSchema } from './worker.js';

/** What a worker process is told on its command line, as `--spec JSON`. Its Redis comes from REDIS_URL. */
export const workerSpecSchema = z.object({
  workerId: z.string().min(1),
  pool: z.string().min(1),
  role: workerRoleSchema,
  leaseId: z.string().min(1),
  /** GPU ids, `host:index`. CUDA_VISIBLE_DEVICES is set from them. */
  gpus: z.array(z.string()).min(1),
  tp: z.number().int().min(1),
  /** null: the presets. */
  configFile: z.string().nullable(),
  dataDir: z.string().min(1),
  /** The supervisor; the worker drains once this process is gone. null: it lives by itself. */
  ownerPid: z.number().int().nullable(),
});
export type WorkerSpec = z.output<typeof workerSpecSchema>;
