import type { Attributes, Span, Tracer } from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';
import { readEnvironment, type TracingProtocol } from '../config/environment.js';

type Api = typeof import('@opentelemetry/api');

interface Tracing {
  api: Api;
  tracer: Tracer;
  /** What BullMQ's queues and workers trace with: context travels in the job's options. */
  bull: Telemetry;
  close(): Promise<void>;
}

const CLOSE_LIMIT_MS = 2_000;

/** One of a process, as OpenTelemetry itself has it; null: off, which costs one look at this. */
let active: Tracing | null = null;

/**
 * Traces this process, if the standard OTEL_ variables ask for it: nothing of OpenTelemetry is loaded otherwise. Call it
 * before queues and workers are made. @param role names the service, unless OTEL_SERVICE_NAME does
 */
export async function startTracing(role: string): Promise<void> {
  const { tracing } = readEnvironment();
  if (tracing === null || active !== null) return;
  const [api, sdk, resources, { BullMQOtel }, exporter] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    import('bullmq-otel'),
    exporterFor(tracing.protocol),
  ]);
  const named = resources.resourceFromAttributes({ 'service.name': tracing.serviceName ?? `sluice-${role}` });
  const provider = new sdk.NodeTracerProvider({
    resource: resources
      .defaultResource()
      .merge(named)
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)],
  });
  provider.register();
  const tracer = api.trace.getTracer('sluice');
  active = {
    api,
    tracer,
    bull: withoutHousekeeping(new BullMQOtel({ tracerName: 'bullmq' }), api),
    close: () => provider.shutdown(),
  };
}

/** Sends what is left, waiting at most two seconds for a receiver. */
export async function stopTracing(): Promise<void> {
  const closing = active;
  active = null;
  if (closing === null) return;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_LIMIT_MS);
  });
  await Promise.race([closing.close().catch(() => {}), limit]);
  clearTimeout(timer);
  closing.api.trace.disable();
  closing.api.context.disable();
  closing.api.propagation.disable();
}

/** Options of a BullMQ queue, flow producer or worker: nothing while tracing is off. */
export function bullTelemetry(): { telemetry?: Telemetry } {
  return active === null ? {} : { telemetry: active.bull };
}

/** Headers that carry the present trace to another service; none while tracing is off. */
export function outgoingHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  active?.api.propagation.inject(active.api.context.active(), headers);
  return headers;
}

/** Does `work` inside a span of the present trace; an error is put down and thrown on. null: tracing is off. */
export async function inSpan<T>(
  name: string,
  attributes: () => Attributes,
  work: (span: Span | null) => Promise<T>,
): Promise<T> {
  const tracing = active;
  if (tracing === null) return work(null);
  return tracing.tracer.startActiveSpan(name, { attributes: attributes() }, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: tracing.api.SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A span that a server began for a request that came in. */
export interface ServerSpan {
  /** Runs a callback inside the span. */
  run(callback: () => void): void;
  end(status: number, attributes: Attributes): void;
}

/** Begins a server's span, as part of the caller's trace where its W3C headers say so; null: tracing is off. */
export function serverSpan(
  name: string,
  headers: Record<string, string | string[] | undefined>,
  attributes: () => Attributes,
): ServerSpan | null {
  if (active === null) return null;
  const { api, tracer } = active;
  const parent = api.propagation.extract(api.ROOT_CONTEXT, headers);
  const span = tracer.startSpan(name, { kind: api.SpanKind.SERVER, attributes: attributes() }, parent);
  const inside = api.trace.setSpan(parent, span);
  return {
    run: (callback) => api.context.with(inside, callback),
    end: (status, more) => {
      span.setAttributes({ 'http.response.status_code': status, ...more });
      if (status >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** BullMQ also traces each poll of an idle worker; only what belongs to a job is kept. */
function withoutHousekeeping(bull: Telemetry, api: Api): Telemetry {
  const quiet = {
    setSpanOnContext: (context: unknown) => context,
    setAttribute: () => {},
    setAttributes: () => {},
    addEvent: () => {},
    recordException: () => {},
    end: () => {},
  };
  const kept = [api.SpanKind.PRODUCER, api.SpanKind.CONSUMER] as number[];
  return {
    contextManager: bull.contextManager,
    tracer: {
      startSpan: (name, options, context) =>
        options !== undefined && kept.includes(options.kind)
          ? bull.tracer.startSpan(name, options, context)
          : quiet,
    },
  };
}

async function exporterFor(protocol: TracingProtocol) {
  // Endpoint, headers, time-out and compression are read by the exporters, from the standard variables.
  switch (protocol) {
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
  }
}
