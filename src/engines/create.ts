import { readSecret } from '../config/environment.js';
import type { OpenaiEngineConfig, PoolConfig } from '../config/types.js';
import { SluiceError, unreachable } from '../contract/errors.js';
import type { WorkerRole } from '../contract/worker.js';
import { deviceIndex } from '../gpu/core/inventory.js';
import { kvCapacityTokens } from '../profile/capacity.js';
import { loadProfile } from '../profile/load.js';
import { resolveTensorParallelism } from '../profile/resolve-tp.js';
import type { Engine } from './engine.js';
import { createNoopEngine } from './noop.js';
import { freePorts, startEngineProcess } from './openai/child.js';
import { OpenaiEngine, type OpenaiEngineOptions } from './openai/engine.js';
import { createSimEngine } from './sim/live.js';

/** Of an engine that neither tells its KV cache nor has a profile that does, tokens: it limits nothing. */
const UNKNOWN_KV = 1e9;

/**
 * The engine of one worker of a pool on the GPUs of its lease (`host:index`).
 * @throws SluiceError invalid_config when the engine's profile cannot be read or does not fit the pool, or its key is
 * not in the environment.
 */
export function createEngine(
  pool: PoolConfig,
  role: WorkerRole,
  gpus: readonly string[] = [],
  log: (message: string) => void = () => {},
): Engine {
  const { engine } = pool;
  switch (engine.kind) {
    case 'noop':
      return createNoopEngine();
    case 'sim':
      return createSimEngine({
        profile: loadProfile(engine.profile),
        tp: degreeOf(pool, role),
        gpuMemoryUtilization: pool.gpuMemoryUtilization,
        itlSeconds: pool.targets.itlSeconds * pool.performanceBuffer,
        engine,
      });
    case 'openai': {
      const tp = gpus.length || degreeOf(pool, role);
      const { model, priority } = pool;
      const profile = loadProfile(engine.profile);
      const kvTokens = kvCapacityTokens(profile, tp, pool.gpuMemoryUtilization) || UNKNOWN_KV;
      const servers = serversOf(engine, pool, role, tp, gpus);
      return new OpenaiEngine({
        config: engine,
        model,
        priority,
        apiKey: apiKeyOf(engine),
        kvTokens,
        law: profile.tp[tp] ?? null,
        servers,
        log,
      });
    }
    default:
      return unreachable(engine);
  }
}

function degreeOf(pool: PoolConfig, role: WorkerRole): number {
  const degrees = resolveTensorParallelism(pool);
  return (role === 'prefill' ? degrees.prefill : degrees.decode).tp;
}

function apiKeyOf({ apiKeyEnv }: OpenaiEngineConfig): string | null {
  if (apiKeyEnv === null) return null;
  const key = readSecret(apiKeyEnv);
  if (key !== null) return key;
  throw new SluiceError(
    'invalid_config',
    `engine.api_key_env: expected the engine's key in the environment variable ${apiKeyEnv}, got nothing; set it where ` +
      'the allocator is started',
  );
}

function serversOf(
  engine: OpenaiEngineConfig,
  pool: PoolConfig,
  role: WorkerRole,
  tp: number,
  gpus: readonly string[],
): OpenaiEngineOptions['servers'] {
  const [first = 'localhost:0'] = gpus;
  const index = deviceIndex(first);
  if (engine.urls !== null) {
    const host = first.slice(0, first.lastIndexOf(':'));
    return engine.urls.map((url) => url.replaceAll('{host}', host).replaceAll('{gpu}', String(index)));
  }
  return async () => {
    const [port = 0, sidePort = 0] = await freePorts(2);
    const values = {
      model: pool.model,
      port: String(port),
      side_port: String(sidePort),
      tp: String(tp),
      gpus: gpus.map(deviceIndex).join(','),
      gpu_memory_utilization: String(pool.gpuMemoryUtilization),
      max_sequences: String(engine.maxSequences),
      max_batched_tokens: String(engine.maxBatchedTokens),
      role: role === 'prefill' ? 'prefill' : 'decode',
    };
    // Into the worker's log.
    const print = (bytes: Buffer) => void process.stdout.write(bytes);
    return {
      url: `http://127.0.0.1:${port}`,
      process: await startEngineProcess(engine.command, values, print),
    };
  };
}
