import { z } from 'zod';
import { errorAnswer } from './answers.js';
import { type Named, OPERATIONS, type Operation } from './operations.js';
import { REFUSALS, type Refusal, WAITS } from './refusals.js';

/** A registered route: its method, and its path as Fastify writes it. */
export interface Route {
  method: string;
  path: string;
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'multipart/form-data';
const ERRORS = { Error: errorAnswer };

/** The OpenAPI 3.1 document of these routes; schemas are those by which bodies are checked. */
export function openapiDocument(routes: readonly Route[]): object {
  const schemas: Record<string, object> = {};
  const paths: Record<string, Record<string, object>> = {};
  const ref = (named: Named) => {
    const [entry] = Object.entries(named);
    if (entry === undefined) return {};
    const [name, schema] = entry;
    schemas[name] ??= jsonSchemaOf(schema);
    return { schema: { $ref: `#/components/schemas/${name}` } };
  };
  for (const { method, path: written } of routes) {
    const known = OPERATIONS[`${method} ${written}`] ?? { summary: `${method} ${written}` };
    // What takes the rest of a path is an id that may have slashes.
    const path = written.replace(/\*$/, ':id');
    const name = path.replace(/:([^/]+)/g, '{$1}');
    paths[name] ??= {};
    paths[name][method.toLowerCase()] = operationOf(known, path, ref);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '1',
      description:
        'OpenAI-compatible endpoint with service levels. Fields that are not listed go to the engine as they came.',
    },
    paths,
    components: { schemas, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    // Whether keys are asked for is the configuration's.
    security: [{ key: [] }, {}],
  };
}

function operationOf(operation: Operation, path: string, ref: (named: Named) => object): object {
  const {
    summary,
    body,
    form,
    status = 200,
    answer,
    text,
    event,
    query = {},
    headers = {},
    open,
  } = operation;
  const content = {
    ...(answer === undefined ? {} : { [JSON_TYPE]: ref(answer) }),
    ...(text === undefined ? {} : { [text]: { schema: { type: 'string' } } }),
    ...(event === undefined ? {} : { 'text/event-stream': ref(event) }),
  };
  const parameters = [
    ...[...path.matchAll(/:([^/]+)/g)].map(([, name]) => parameter('path', name ?? '', 'Id.', true)),
    ...Object.entries(query).map(([name, what]) => parameter('query', name, what)),
    ...Object.entries(headers).map(([name, what]) => parameter('header', name, what)),
  ];
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [form ? FORM_TYPE : JSON_TYPE]: ref(body) } } }),
    responses: {
      [status]: { description: 'The answer.', ...(Object.keys(content).length === 0 ? {} : { content }) },
      ...Object.fromEntries(
        refusalsOf(operation, path).map((refusal) => [refusal, refused(refusal, ref(ERRORS))]),
      ),
      default: { description: 'Another error.', content: { [JSON_TYPE]: ref(ERRORS) } },
    },
    ...(open === true ? { security: [] } : {}),
  };
}

/** What is read can be wrong, what is named can be missing, and a key can be refused wherever one is asked for. */
function refusalsOf({ body, query, refusals = [], open }: Operation, path: string): Refusal[] {
  const own: Refusal[] = [];
  if (body !== undefined || query !== undefined) own.push(400);
  if (open !== true) own.push(401);
  if (path.includes(':')) own.push(404);
  return [...new Set([...own, ...refusals])].sort((a, b) => a - b);
}

function refused(refusal: Refusal, error: object): object {
  const wait = {
    description: 'Seconds after which it may succeed, where that is known.',
    schema: { type: 'integer' },
  };
  return {
    description: REFUSALS[refusal],
    ...(WAITS.has(refusal) ? { headers: { 'Retry-After': wait } } : {}),
    content: { [JSON_TYPE]: error },
  };
}

function parameter(where: string, name: string, description: string, required = false): object {
  return { in: where, name, description, required, schema: { type: 'string' } };
}

function jsonSchemaOf(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
