import { resolve } from 'node:path';
import { commandProblem } from './command.js';
import { type EngineFields, engineSchema } from './engine-schema.js';
import { OPENAI, SIM } from './presets.js';
import type { EngineConfig, OpenaiEngineConfig } from './types.js';

type Key = keyof EngineFields;

const SHARED: readonly Key[] = [
  'kind',
  'profile',
  'cold_start_seconds',
  'max_sequences',
  'max_batched_tokens',
];
const OPENAI_ONLY: readonly Key[] = [
  'urls',
  'command',
  'served_model',
  'api_key_env',
  'send_priority',
  'retries',
  'connect_timeout_seconds',
  'first_token_timeout_seconds',
  'token_gap_timeout_seconds',
  'start_timeout_seconds',
];
const FIELDS_OF: Record<EngineConfig['kind'], readonly Key[]> = {
  noop: ['kind'],
  sim: [...SHARED, 'prefix_cache', 'seed'],
  openai: [...SHARED, ...OPENAI_ONLY],
};
/** A real engine under a command loads its model first; a server that runs already is there at once. */
const COLD_START = { command: 120, urls: 1 };

/** What no field of an engine can say alone. */
export function engineProblems(fields: EngineFields): { key: Key; message: string }[] {
  const kind = fields.kind ?? 'sim';
  const given = Object.keys(fields).filter((key): key is Key => key in engineSchema.shape);
  const problems = given
    .filter((key) => !FIELDS_OF[kind].includes(key))
    .map((key) => {
      const hint = OPENAI_ONLY.includes(key) && kind === 'sim' ? '; set engine.kind: openai' : '';
      return { key, message: `expected no such field for engine.kind ${kind}${hint}` };
    });
  if (kind !== 'openai') return problems;
  const { urls, command } = fields;
  if ((urls === undefined) === (command === undefined)) {
    const got = urls === undefined ? 'neither' : 'both';
    problems.push({
      key: urls === undefined ? 'kind' : 'command',
      message: `expected engine.urls or engine.command, got ${got}`,
    });
  }
  const wrong = command === undefined ? null : commandProblem(command);
  if (wrong !== null) problems.push({ key: 'command', message: wrong });
  return problems;
}

/**
 * An engine from its fields; a profile's path is relative to `folder`.
 * @param coldStartSeconds of a simulated engine whose fields name none
 */
export function buildEngine(
  fields: EngineFields,
  folder: string,
  coldStartSeconds = SIM.coldStartSeconds,
): EngineConfig {
  const kind = fields.kind ?? 'sim';
  if (kind === 'noop') return { kind };
  const base = kind === 'sim' ? SIM : OPENAI;
  const shared = {
    profile: fields.profile === undefined ? base.profile : profileOf(fields.profile, folder),
    maxSequences: fields.max_sequences ?? base.maxSequences,
    maxBatchedTokens: fields.max_batched_tokens ?? base.maxBatchedTokens,
  };
  if (kind === 'sim') {
    return {
      kind,
      ...shared,
      coldStartSeconds: fields.cold_start_seconds ?? coldStartSeconds,
      prefixCache: fields.prefix_cache ?? SIM.prefixCache,
      seed: fields.seed ?? SIM.seed,
    };
  }
  const coldStart = fields.command === undefined ? COLD_START.urls : COLD_START.command;
  return {
    kind,
    ...shared,
    coldStartSeconds: fields.cold_start_seconds ?? coldStart,
    ...(fields.command === undefined
      ? { urls: (fields.urls ?? []).map(rootOf), command: null }
      : { urls: null, command: fields.command }),
    servedModel: fields.served_model ?? OPENAI.servedModel,
    apiKeyEnv: fields.api_key_env ?? OPENAI.apiKeyEnv,
    sendPriority: fields.send_priority ?? OPENAI.sendPriority,
    retries: fields.retries ?? OPENAI.retries,
    connectTimeoutSeconds: fields.connect_timeout_seconds ?? OPENAI.connectTimeoutSeconds,
    firstTokenTimeoutSeconds: fields.first_token_timeout_seconds ?? OPENAI.firstTokenTimeoutSeconds,
    tokenGapTimeoutSeconds: fields.token_gap_timeout_seconds ?? OPENAI.tokenGapTimeoutSeconds,
    startTimeoutSeconds: fields.start_timeout_seconds ?? OPENAI.startTimeoutSeconds,
  };
}

/** The fields that stand for an engine, fully spelled out. */
export function engineFields(engine: EngineConfig): EngineFields {
  if (engine.kind === 'noop') return { kind: 'noop' };
  const shared = {
    profile: engine.profile,
    cold_start_seconds: engine.coldStartSeconds,
    max_sequences: engine.maxSequences,
    max_batched_tokens: engine.maxBatchedTokens,
  };
  if (engine.kind === 'sim')
    return { kind: 'sim', ...shared, prefix_cache: engine.prefixCache, seed: engine.seed };
  return { kind: 'openai', ...shared, ...openaiFields(engine) };
}

function openaiFields(engine: OpenaiEngineConfig): EngineFields {
  return {
    ...(engine.urls === null ? { command: engine.command } : { urls: engine.urls }),
    ...(engine.servedModel === null ? {} : { served_model: engine.servedModel }),
    ...(engine.apiKeyEnv === null ? {} : { api_key_env: engine.apiKeyEnv }),
    send_priority: engine.sendPriority,
    retries: engine.retries,
    connect_timeout_seconds: engine.connectTimeoutSeconds,
    first_token_timeout_seconds: engine.firstTokenTimeoutSeconds,
    token_gap_timeout_seconds: engine.tokenGapTimeoutSeconds,
    start_timeout_seconds: engine.startTimeoutSeconds,
  };
}

/**
 * A plain name is a built-in profile, `generate:MODEL/GPU/DTYPE` one that is computed; any other text with a slash, or
 * ending in .json or .npz, is a file.
 */
function profileOf(profile: string, folder: string): string {
  if (profile.startsWith('generate:')) return profile;
  return /[/\\]|\.(json|npz)$/.test(profile) ? resolve(folder, profile) : profile;
}

/** Clients write the base address with /v1; health and metrics lie beside it. */
function rootOf(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/v1$/, '');
}
