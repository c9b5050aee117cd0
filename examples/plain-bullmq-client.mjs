// Asks Sluice for an answer with nothing but BullMQ: a job on the queue `requests` completes with the answer.
//
//   sluice up -c examples/llm/configs/global_scheduler_demo.yaml      (prints the REDIS_URL to use)
//   REDIS_URL=redis://127.0.0.1:6379 node examples/plain-bullmq-client.mjs [LEVEL] [PROMPT]
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';

const usage = `usage: REDIS_URL=redis://HOST:PORT node examples/plain-bullmq-client.mjs [LEVEL] [PROMPT]
  LEVEL   high (default), medium or low
  PROMPT  the text to send
REDIS_URL is the Redis that \`sluice up\` runs on; \`sluice up\` prints it.`;

const [level = 'high', prompt = 'Why does a sluice have gates?'] = process.argv.slice(2);
const url = process.env.REDIS_URL;
if (!url || level.startsWith('-')) {
  console.error(url ? usage : `REDIS_URL is not set.\n${usage}`);
  process.exit(2);
}

const connection = { url, maxRetriesPerRequest: null };
const queue = new Queue('requests', { connection });
const events = new QueueEvents('requests', { connection });
// Without a listener, a Redis that does not answer would end the process with a stack trace.
queue.on('error', () => {});
events.on('error', () => {});

const limit = new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`nothing answers at REDIS_URL ${url}`)), 10_000).unref();
});
limit.catch(() => {});
let exitCode = 0;
try {
  await Promise.race([Promise.all([queue.waitUntilReady(), events.waitUntilReady()]), limit]);
  const job = await queue.add('request', { prompt, max_tokens: 64, slo_level: level });
  const answer = await job.waitUntilFinished(events, 120_000);
  console.log(answer.text);
  console.error(
    `pool ${answer.pool}, worker ${answer.workerId}, TTFT ${answer.ttftSeconds.toFixed(3)} s, ` +
      `${answer.usage.completionTokens} tokens`,
  );
} catch (error) {
  console.error(`no answer: ${error.message}`);
  exitCode = 1;
}
// Closing waits for a connection that may never come.
await Promise.race([Promise.allSettled([events.close(), queue.close()]), sleep(1000)]);
process.exit(exitCode);
