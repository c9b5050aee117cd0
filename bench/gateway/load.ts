import { performance } from 'node:perf_hooks';
import { Agent } from 'undici';
import { openLoop } from './open-loop.js';
import { percentiles } from './percentiles.js';
import type { Load, LoadMessage, LoadReply, Seen } from './types.js';

/** The load generator of the gateway benchmark: a process of its own, driven by messages. */

const agent = new Agent({
  connections: null,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  bodyTimeout: 0,
  headersTimeout: 0,
});
const PATH = '/v1/chat/completions';
/** For those that are under way when the time is over. */
const DRAIN_MS = 60_000;
const NEWLINE = 0x0a;
/** A piece of the answer's text: an answer may begin with a chunk that has none. */
const TOKEN = /"content":\s*"[^"]/;

interface Stream {
  done: Promise<void>;
  abort(): void;
}

interface Sink {
  ttft: number[];
  gaps: number[];
  events: number;
  completed: number;
  failed: number;
  failure: string | null;
}

/** Of the load that runs or ran last. */
let current: Sink | undefined;
let stopped = false;

function newSink(): Sink {
  current = { ttft: [], gaps: [], events: 0, completed: 0, failed: 0, failure: null };
  return current;
}

/** One streamed chat. @param due ms of `performance.now`. */
function ask(load: Load, body: string, due: number, sink: Sink): Stream {
  const target = new URL(load.url);
  const stop = { abort: () => {} };
  const done = new Promise<void>((resolve) => {
    let lastMs = 0;
    let lastByte = 0;
    let status = 0;
    let text = '';
    const fail = (why: string) => {
      sink.failed++;
      sink.failure ??= why;
      resolve();
    };
    agent.dispatch(
      {
        origin: target.origin,
        path: PATH,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...load.headers },
        body,
      },
      {
        onRequestStart: (controller) => {
          stop.abort = () => controller.abort(new Error('released'));
        },
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (_controller, chunk: Buffer) => {
          if (status !== 200) {
            text += String(chunk);
            return;
          }
          const now = performance.now();
          if (lastMs > 0) sink.gaps.push(now - lastMs);
          else text += String(chunk);
          if (lastMs > 0 || TOKEN.test(text)) {
            if (lastMs === 0) sink.ttft.push(now - due);
            lastMs = now;
          }
          for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
            if ((at === 0 ? lastByte : chunk[at - 1]) === NEWLINE) sink.events++;
          }
          lastByte = chunk.at(-1) ?? 0;
        },
        onResponseEnd: () => {
          if (status !== 200) return fail(`HTTP ${status}: ${text.slice(0, 300)}`);
          sink.completed++;
          resolve();
        },
        onResponseError: (_controller, error) => fail(error.message),
      },
    );
  });
  return { done, abort: () => stop.abort() };
}

function bodyOf({ maxTokens }: Load): string {
  const messages = [
    { role: 'user', content: 'Why does a sluice have gates, and what would a river do without?' },
  ];
  return JSON.stringify({ model: 'llama-3.1-8b', messages, max_tokens: maxTokens, stream: true });
}

/** Requests come at exponential distances, whatever becomes of those before. */
async function open(load: Load): Promise<Seen> {
  const body = bodyOf(load);
  const sink = newSink();
  const running: Promise<void>[] = [];
  const from = performance.now();
  stopped = false;
  const { level: rate, seconds, seed } = load;
  await openLoop(
    { rate, seconds, seed },
    (due) => running.push(ask(load, body, due, sink).done),
    () => stopped,
  );
  await Promise.race([Promise.all(running), new Promise((resolve) => setTimeout(resolve, DRAIN_MS))]);
  return seenOf(load, sink, (performance.now() - from) / 1000);
}

/** So many at once, each followed by the next until the time is over; all of them count, and the time to the last. */
async function closed(load: Load): Promise<Seen> {
  const body = bodyOf(load);
  const sink = newSink();
  const from = performance.now();
  const end = from + load.seconds * 1000;
  const lane = async () => {
    do await ask(load, body, performance.now(), sink).done;
    while (performance.now() < end && sink.failed < load.level);
  };
  const lanes = Promise.all(Array.from({ length: load.level }, lane));
  await Promise.race([lanes, new Promise((resolve) => setTimeout(resolve, load.seconds * 1000 + DRAIN_MS))]);
  return seenOf(load, sink, (performance.now() - from) / 1000);
}

function seenOf({ maxTokens }: Load, sink: Sink, seconds: number): Seen {
  const { completed, failed, failure, ttft, gaps, events } = sink;
  return {
    completed,
    failed,
    failure,
    requestsPerSecond: completed / seconds,
    tokensPerSecond: (completed * maxTokens) / seconds,
    eventsPerSecond: events / seconds,
    ttft: percentiles(ttft),
    gap: percentiles(gaps),
  };
}

let held: Stream[] = [];

/** Opens the streams a few at a time, and answers when each has begun or failed. */
async function hold(load: Load): Promise<LoadReply> {
  const body = bodyOf(load);
  const sink = newSink();
  const giveUpAt = performance.now() + load.seconds * 1000;
  for (let k = 0; k < load.level; k++) {
    held.push(ask(load, body, performance.now(), sink));
    if (k % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  while (sink.ttft.length + sink.failed < load.level && performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { type: 'held', open: sink.ttft.length - sink.completed, failure: sink.failure };
}

async function answer(message: LoadMessage): Promise<LoadReply> {
  switch (message.type) {
    case 'load':
      return { type: 'seen', seen: await (message.load.kind === 'open' ? open : closed)(message.load) };
    case 'count':
      return { type: 'counted', completed: current?.completed ?? 0 };
    case 'stop':
      stopped = true;
      return { type: 'stopped' };
    case 'hold':
      return hold(message.load);
    case 'release':
      for (const stream of held) stream.abort();
      await Promise.all(held.map(({ done }) => done));
      held = [];
      return { type: 'released' };
  }
}

process.on('message', (message: LoadMessage) => {
  void answer(message).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready' } satisfies LoadReply);
