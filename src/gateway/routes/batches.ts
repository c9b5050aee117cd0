import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { type Batch, batchBodySchema, isEnded, WINDOWS } from '../batches/batch.js';
import { batchesQuery } from '../batches/paging.js';
import { callerOf } from '../caller.js';
import { PATHS } from '../openai/endpoints.js';
import { parseBody } from '../openai/schemas.js';
import type { GatewayServices } from '../services.js';

type ById = { Params: { id: string } };

/** `/v1/batches`: files of requests on the lowest level, due by the end of their window. */
export function batches(app: FastifyInstance, services: GatewayServices): void {
  const { files, batchStore: store, batchRunner: runner, config, client, now } = services;
  app.post('/v1/batches', async (request) => {
    const asked = parseBody(batchBodySchema, request.body);
    const caller = callerOf(request);
    const { purpose } = await files.get(caller.tenant, asked.input_file_id);
    if (purpose !== 'batch') {
      throw new SluiceError(
        'invalid_request',
        `input_file_id: expected a file of purpose batch, got ${purpose}`,
      );
    }
    const pool = Object.values(config.pools).toSorted((a, b) => b.priority - a.priority)[0];
    const level = client.scheduler.rankOf('low') === undefined ? (pool?.level ?? 'low') : 'low';
    const createdAt = Math.floor(now() / 1000);
    const batch: Batch = {
      id: `batch_${randomUUID()}`,
      tenant: caller.tenant,
      keyId: caller.key?.id ?? null,
      endpoint: asked.endpoint === PATHS.chat ? 'chat' : 'completions',
      level,
      model: Object.values(config.pools).find((each) => each.level === level)?.model ?? '',
      window: asked.completion_window,
      inputFile: asked.input_file_id,
      outputFile: null,
      errorFile: null,
      status: 'validating',
      errors: [],
      total: 0,
      metadata: asked.metadata ?? null,
      createdAt,
      expiresAt: createdAt + WINDOWS[asked.completion_window],
      inProgressAt: null,
      finalizingAt: null,
      completedAt: null,
      failedAt: null,
      expiredAt: null,
      cancellingAt: null,
      cancelledAt: null,
    };
    // A gateway that takes the batch over reads its input anew, an hour after its end at the latest.
    await files.keepUntil(caller.tenant, batch.inputFile, batch.expiresAt + 3600);
    await store.save(batch);
    await runner.add(batch);
    return store.show(batch);
  });
  app.get('/v1/batches', async (request) => {
    const part = parseBody(batchesQuery, request.query);
    const page = await store.list(callerOf(request).tenant, part);
    return { ...page, data: await Promise.all(page.data.map((batch) => store.show(batch))) };
  });
  app.get<ById>('/v1/batches/:id', async (request) =>
    store.show(await store.own(callerOf(request).tenant, request.params.id)),
  );
  app.post<ById>('/v1/batches/:id/cancel', async (request) => {
    const batch = await store.own(callerOf(request).tenant, request.params.id);
    if (isEnded(batch)) return store.show(batch);
    await store.askCancel(batch.id, Math.floor(now() / 1000));
    return store.show(await store.own(batch.tenant, batch.id));
  });
}
