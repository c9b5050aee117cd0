import { homedir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '../contract/errors.js';

/** What the process environment says, parsed. Empty variables count as absent. */
export interface Environment {
  /** REDIS_URL: a Redis that someone else runs; null: Sluice starts one. */
  redisUrl: string | null;
  /** PATH, split into folders. */
  searchPath: string[];
  /** SLUICE_CACHE, else XDG_CACHE_HOME/sluice, else ~/.cache/sluice. */
  cacheDir: string;
  /** SLUICE_DATA: where a started Redis keeps its data; null: the command's default. */
  dataDir: string | null;
  /** SLUICE_LOG: log level of the roles (pino's names). */
  logLevel: string;
  /** SLUICE_METRICS: where roles show their metrics, host:port or :port; null: `off`. Default: a free port of loopback. */
  metrics: MetricsAddress | null;
  /** By the standard OTEL_ variables; null: no traces, as long as no exporter or endpoint is named. */
  tracing: { protocol: TracingProtocol; serviceName: string | null } | null;
  /** False when NO_COLOR is set or TERM is "dumb". */
  color: boolean;
}

export type TracingProtocol = 'http/protobuf' | 'http/json';

export interface MetricsAddress {
  host: string;
  /** 0: a free one. */
  port: number;
}

/** The one reader of the process environment. Errors: `invalid_config`. */
export function readEnvironment(source: NodeJS.ProcessEnv = process.env): Environment {
  const cache = text(source.XDG_CACHE_HOME);
  return {
    redisUrl: text(source.REDIS_URL),
    searchPath: (source.PATH ?? '').split(':').filter((folder) => folder !== ''),
    cacheDir:
      text(source.SLUICE_CACHE) ??
      (cache === null ? join(text(source.HOME) ?? homedir(), '.cache', 'sluice') : join(cache, 'sluice')),
    dataDir: text(source.SLUICE_DATA),
    logLevel: text(source.SLUICE_LOG) ?? 'info',
    metrics: metricsAddress(text(source.SLUICE_METRICS) ?? '127.0.0.1:0'),
    tracing: tracingAsked(source),
    color: text(source.NO_COLOR) === null && source.TERM !== 'dumb',
  };
}

/** A secret that the configuration names by its variable; null: not set. */
export function readSecret(name: string, source: NodeJS.ProcessEnv = process.env): string | null {
  return text(source[name]);
}

/**
 * Flags of Node for every role that runs as a process of its own. V8 would collect garbage on four threads beside the one
 * that serves: where cores are few, they take them from requests for tens of milliseconds (docs/gateway-bench.md).
 */
export const ROLE_FLAGS: readonly string[] = ['--single-threaded-gc'];

/** Environment of a child process: this process's own, with `extra` on top; undefined removes a variable. */
export function childEnvironment(extra: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { ...process.env, ...extra };
}

/**
 * Source: OpenTelemetry's specification of environment variables. Errors: `invalid_config` for a protocol or exporter that
 * is not there.
 */
function tracingAsked(source: NodeJS.ProcessEnv): Environment['tracing'] {
  const exporter = text(source.OTEL_TRACES_EXPORTER);
  const endpoint =
    text(source.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) ?? text(source.OTEL_EXPORTER_OTLP_ENDPOINT);
  if (text(source.OTEL_SDK_DISABLED)?.toLowerCase() === 'true' || exporter === 'none') return null;
  if (exporter === null && endpoint === null) return null;
  if (exporter !== null && exporter !== 'otlp') {
    throw new SluiceError('invalid_config', `OTEL_TRACES_EXPORTER: expected otlp or none, got ${exporter}`);
  }
  const protocol =
    text(source.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) ??
    text(source.OTEL_EXPORTER_OTLP_PROTOCOL) ??
    'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json') {
    const message = `OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or http/json, got ${protocol}`;
    throw new SluiceError('invalid_config', message);
  }
  return { protocol, serviceName: text(source.OTEL_SERVICE_NAME) };
}

/** `host:port`, `:port` (loopback) or `off`. Errors: `invalid_config`. */
export function metricsAddress(given: string): MetricsAddress | null {
  if (given === 'off') return null;
  const [, host = '', port = ''] = /^(\[?[\w.:-]*?\]?):(\d{1,5})$/.exec(given) ?? [];
  if (port === '' || Number(port) > 65_535) {
    throw new SluiceError(
      'invalid_config',
      `metrics: expected host:port such as 0.0.0.0:9464, :port for this machine only, or off; got ${JSON.stringify(given)}`,
    );
  }
  return { host: host === '' ? '127.0.0.1' : host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function text(value: string | undefined): string | null {
  return value === undefined || value.trim() === '' ? null : value.trim();
}
