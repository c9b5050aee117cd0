import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { uploadSchema } from '../batches/files.js';
import { filesQuery } from '../batches/paging.js';
import { callerOf } from '../caller.js';
import { parseBody } from '../openai/schemas.js';
import type { GatewayServices } from '../services.js';

type ById = { Params: { id: string } };

/** `POST /v1/files` (multipart, as OpenAI's clients send it), and what is read of files: the input and output of batches. */
export function files(app: FastifyInstance, { files: kept }: GatewayServices): void {
  app.addContentTypeParser<Buffer>('multipart/form-data', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.routeOptions.url !== '/v1/files') {
      return done(
        new SluiceError('unsupported_media_type', 'content-type: expected application/json'),
        undefined,
      );
    }
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    new Response(body, { headers }).formData().then(
      (form) => done(null, Object.fromEntries(form)),
      () =>
        done(
          new SluiceError('invalid_request', 'body: expected multipart/form-data, got what is not'),
          undefined,
        ),
    );
  });
  app.post('/v1/files', async (request) => {
    const form = parseBody(uploadSchema, request.body);
    const { file, purpose } = form;
    return kept.create({
      tenant: callerOf(request).tenant,
      filename: file.name.slice(0, 255),
      purpose,
      content: await textOf(file),
      keepSeconds: form['expires_after[seconds]'],
    });
  });
  app.get('/v1/files', (request) =>
    kept.list(callerOf(request).tenant, parseBody(filesQuery, request.query)),
  );
  app.get<ById>('/v1/files/:id', (request) => kept.get(callerOf(request).tenant, request.params.id));
  app.get<ById>('/v1/files/:id/content', async (request, reply) => {
    const content = await kept.content(callerOf(request).tenant, request.params.id);
    return reply.type('application/octet-stream').send(content);
  });
  app.delete<ById>('/v1/files/:id', async (request) => {
    const { id } = request.params;
    await kept.delete(callerOf(request).tenant, id);
    return { id, object: 'file', deleted: true };
  });
}

/** Its text, a byte order mark with it. Errors: `invalid_request`. */
async function textOf(file: File): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
  } catch {
    throw new SluiceError(
      'invalid_request',
      'file: expected JSON lines in UTF-8, got bytes that are not UTF-8',
    );
  }
}
