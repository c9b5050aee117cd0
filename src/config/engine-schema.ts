import { z } from 'zod';
import { choice, described, flag, integer, number, section, text } from './fields.js';

const DAY = 86_400;

const URLS =
  'a list of addresses such as [http://10.0.0.5:8000], with {host} and {gpu} for those of the lease, without a user or a password (engine.api_key_env names the key)';

/** The address with its placeholders filled in is one that can be asked; a password in it would be shown. */
function isAddress(url: string): boolean {
  try {
    const { protocol, username, password } = new URL(url.replaceAll('{host}', 'h').replaceAll('{gpu}', '0'));
    return /^https?:$/.test(protocol) && username === '' && password === '';
  } catch {
    return false;
  }
}

/** The fields of a pool's engine; which of them a kind has: engine.ts. */
export const engineSchema = section({
  kind: choice(
    ['sim', 'openai', 'noop'],
    'sim: simulated engine with honest timing; openai: any OpenAI-compatible server; noop: answers at once (for benchmarks).',
  ),
  profile: text(
    /^[^\p{Cc}]{1,4096}$/u,
    "a built-in profile's name, a file's path, or generate:MODEL/GPU/DTYPE",
    'Performance profile of the engine: the simulated one runs by it, the planner sizes by it. A file holds laws or measurements.',
  ),
  cold_start_seconds: number(
    { min: 0, max: DAY },
    'seconds',
    'From the start of a worker to its first request. openai: until it was measured; default 120 for a command, else 1.',
  ),
  max_sequences: integer(
    { min: 1, max: 65_536 },
    'sequences',
    'Most sequences in one batch (vLLM: max_num_seqs).',
  ),
  max_batched_tokens: integer(
    { min: 16, max: 1_048_576 },
    'tokens',
    'Token budget of one step (vLLM: max_num_batched_tokens).',
  ),
  prefix_cache: flag('sim: share KV blocks between prompts that begin alike.'),
  seed: integer({ min: 0, max: 4_294_967_295 }, '', 'sim: seed of the placeholder text.'),
  urls: described(
    z
      .array(z.string({ error: URLS }).refine(isAddress, { error: URLS }), { error: URLS })
      .min(1, { error: URLS })
      .max(256, { error: URLS }),
    URLS,
    '',
    'openai: servers that run already; a worker spreads its requests over them.',
  ),
  command: text(
    /^[^\p{Cc}]{1,8192}$/u,
    'a command with {port}, such as vllm serve {model} --port {port}',
    'openai: starts the engine of each worker, in place of urls. Placeholders: docs/engines.md.',
  ),
  served_model: text(
    /^[^\s\p{Cc}]{1,500}$/u,
    'a model name without spaces',
    "openai: the engine's name of the model. Default: the model of the pool.",
  ),
  api_key_env: text(
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
    'the name of an environment variable',
    'openai: environment variable of the worker that holds the key of the engine. Default: no key.',
  ),
  send_priority: flag(
    'openai: send the priority of the pool as `priority` (vLLM: needs --scheduling-policy priority).',
  ),
  retries: integer(
    { min: 0, max: 10 },
    'attempts',
    'openai: further attempts of a worker at a request that its engine dropped, each going on after the last token.',
  ),
  connect_timeout_seconds: number(
    { min: 0.05, max: 600 },
    'seconds',
    'openai: until a connection to the engine stands.',
  ),
  first_token_timeout_seconds: number(
    { min: 0.05, max: DAY },
    'seconds',
    'openai: from sending a request to its first token.',
  ),
  token_gap_timeout_seconds: number({ min: 0.05, max: DAY }, 'seconds', 'openai: between two tokens.'),
  start_timeout_seconds: number(
    { min: 1, max: DAY },
    'seconds',
    'openai: an engine that is not healthy by then has failed to start.',
  ),
});
export type EngineFields = z.output<typeof engineSchema>;
