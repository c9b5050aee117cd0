import { z } from 'zod';
import { choice, described, flag, integer, number, section, text } from './fields.js';

const DAY = 86_400;

const island = z
  .array(
    z
      .number({ error: 'a GPU index' })
      .int({ error: 'a GPU index' })
      .min(0, { error: 'a GPU index of at least 0' }),
    {
      error: 'a list of GPU indices such as [0, 1, 2, 3]',
    },
  )
  .min(1, { error: 'at least one GPU index' })
  .max(1024, { error: 'at most 1024 GPU indices' });

const ISLANDS = 'a list of islands, each a list of GPU indices, such as [[0, 1, 2, 3], [4, 5, 6, 7]]';

/** One host of the inventory. Both fields are needed. */
const hostSchema = z.strictObject(
  {
    name: text(
      /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
      'a host name',
      'Name of the machine; GPU ids are `name:index`.',
    ),
    islands: described(
      z.array(island, { error: ISLANDS }).min(1, { error: 'at least one island' }).max(1024),
      ISLANDS,
      'CUDA device indices',
      'GPUs in groups that share a fast link (NVLink); a worker with TP above 1 takes its GPUs from one island.',
    ),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'a mapping with name and islands' : undefined) },
);

const PORT = 'auto or a port number from 0 to 65535';
const CERT = 'the path of a PEM file such as tls/cert.pem, or null for plain HTTP';
const KEY = 'the path of a PEM file such as tls/key.pem, or null';
const ORIGINS = 'a list of origins such as [https://app.example.com], or of *';

const path = (error: string) =>
  z
    .string({ error })
    .regex(/^[^\p{Cc}]{0,4000}[./][^\p{Cc}]{1,90}$/u, { error })
    .nullable();

const TRACES = 'the path of a folder such as ./traces, or null';

const HOSTS = 'a list of hosts, each with name and islands';

/** Everything in the file but the pools; all may be left out. */
export const fileSchema = section({
  namespace: text(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'a name of letters, digits, "-" and "_"',
    'Prefix of every Redis key, so that installations can share one Redis.',
  ),
  default_level: text(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'a level name of lower-case letters, digits, "-" and "_"',
    'Level of requests that name none. Default: medium, or the only level there is.',
  ),
  inventory: section({
    hosts: described(
      z.array(hostSchema, { error: HOSTS }).min(1, { error: 'at least one host' }).max(1024),
      HOSTS,
      '',
      'The machines and GPUs that the allocator may lease.',
    ),
  }),
  planner: section({
    fast_interval_seconds: number(
      { min: 0.1, max: 3600 },
      'seconds',
      'Fast loop: watches saturation and bursts; may only add.',
    ),
    adjustment_interval_seconds: number(
      { min: 0.1, max: DAY },
      'seconds',
      'Slow loop: sizes each pool from the forecast.',
    ),
    telemetry_stale_seconds: number(
      { min: 0.5, max: DAY },
      'seconds',
      'Telemetry older than this counts as missing; the planner then holds.',
    ),
    window_seconds: number(
      { min: 1, max: DAY },
      'seconds',
      'Latency and length samples are taken over so long.',
    ),
    transitions_kept: integer(
      { min: 10, max: 10_000_000 },
      'records',
      "Transitions kept on each pool's stream.",
    ),
    decisions_kept: integer(
      { min: 10, max: 1_000_000 },
      'records',
      'Decision records kept of each pool, about 8 KB each: one for each run of the slow loop and each action.',
    ),
    history_kept_hours: number(
      { min: 0.01, max: 87_600 },
      'hours',
      'Transitions and decision records older than this are removed, however few there are; the newest one stays.',
    ),
  }),
  worker: section({
    heartbeat_seconds: number(
      { min: 0.1, max: 3600 },
      'seconds',
      'How often a worker reports and renews its lease.',
    ),
    lease_seconds: number(
      { min: 0.5, max: DAY },
      'seconds',
      'GPUs of a worker that was not heard for so long are taken back.',
    ),
    drain_seconds: number(
      { min: 0, max: DAY },
      'seconds',
      'A draining worker may finish its requests for so long.',
    ),
    max_restarts: integer(
      { min: 0, max: 1000 },
      'crashes',
      'After more crashes in a row no worker of that pool and role is started, until its planner orders again: a minute later.',
    ),
    restart_backoff_seconds: number(
      { min: 0.05, max: 3600 },
      'seconds',
      'First restart delay; doubles with each crash, to 32 times it at most.',
    ),
  }),
  queues: section({
    deadline_resolution_ms: integer(
      { min: 1, max: 60_000 },
      'ms',
      'Resolution of deadline order: requests due within the same step run in order of arrival.',
    ),
    lock_seconds: number(
      { min: 1, max: 3600 },
      'seconds',
      "A dead worker's requests run again after about so long.",
    ),
    keep_seconds: integer({ min: 1, max: 365 * DAY }, 'seconds', 'Ended jobs are kept so long.'),
    keep_jobs: integer({ min: 1, max: 10_000_000 }, 'jobs', 'Most ended jobs kept on each queue.'),
    ingress_concurrency: integer(
      { min: 1, max: 1_000_000 },
      'requests',
      'Requests that one ingress process holds at once.',
    ),
    requests_prefix: text(
      /^[^\s\p{Cc}:]{1,100}$/u,
      'a BullMQ prefix without spaces and ":"',
      'BullMQ prefix of the public `requests` queue; bull is what plain clients use.',
    ),
  }),
  limits: section({
    max_prompt_tokens: integer({ min: 1, max: 10_000_000 }, 'tokens', 'A longer prompt is refused.'),
    max_output_tokens: integer({ min: 1, max: 1_000_000 }, 'tokens', 'A request for more tokens is refused.'),
  }),
  gateway: section({
    host: text(
      /^[A-Za-z0-9:._-]{1,253}$/,
      'a host name or address to listen on',
      'Address that the HTTP gateway listens on; one that is not loopback needs auth: keys.',
    ),
    port: described(
      z.union(
        [
          z.literal('auto'),
          z.number({ error: PORT }).int({ error: PORT }).min(0, { error: PORT }).max(65_535, { error: PORT }),
        ],
        {
          error: PORT,
        },
      ),
      PORT,
      '',
      'Port of the HTTP gateway. auto: the one it had last, else 8080, else a free one; 0: a free one.',
    ),
    auth: choice(
      ['none', 'keys'],
      'none: whoever reaches the port may use it; keys: only with an API key (`sluice keys create`), within its limits and fair share.',
    ),
    tls: section({
      cert: described(
        path(CERT),
        CERT,
        '',
        'Certificate chain of the gateway; with it and `key` it speaks HTTPS only.',
      ),
      key: described(path(KEY), KEY, '', 'Private key of the certificate.'),
    }),
    cors_origins: described(
      z
        .array(z.string({ error: ORIGINS }).regex(/^(\*|https?:\/\/[^\s/]{1,253})$/, { error: ORIGINS }), {
          error: ORIGINS,
        })
        .max(100),
      ORIGINS,
      '',
      'Web pages of these origins may call the gateway from a browser; none by default.',
    ),
    max_body_bytes: integer({ min: 1024, max: 268_435_456 }, 'bytes', 'A larger request body is refused.'),
    request_timeout_seconds: number(
      { min: 0.5, max: 3600 },
      'seconds',
      'A client that has not sent its whole request by then is cut off.',
    ),
    default_max_tokens: integer(
      { min: 1, max: 1_000_000 },
      'tokens',
      'Most tokens of an answer whose request does not say.',
    ),
    webhooks: section({
      http: flag('Webhooks may go over plain HTTP, not only HTTPS.'),
      private_addresses: flag(
        'Webhooks may go to loopback and private addresses: whoever may submit can then reach them.',
      ),
    }),
    log_prompts: flag('Write prompts and answers into the log, for debugging; never otherwise.'),
    traces: described(
      path(TRACES),
      TRACES,
      '',
      "Folder on the gateway's machine whose trace files the dashboard's what-if may simulate; null: none.",
    ),
  }),
  dashboard: section({
    samples_kept: integer(
      { min: 10, max: 1_000_000 },
      'samples',
      'Samples of the time lines kept in Redis, one each two seconds; the page draws the newest 1,800.',
    ),
    samples_kept_seconds: number({ min: 10, max: 365 * DAY }, 'seconds', 'Older samples are removed.'),
    audit_kept: integer({ min: 1, max: 1_000_000 }, 'entries', 'Entries of the audit log kept in Redis.'),
    audit_kept_days: number(
      { min: 0.01, max: 36_500 },
      'days',
      'Older entries of the audit log are removed.',
    ),
  }),
  pricing: section({
    usd_per_gpu_hour: number(
      { min: 0, max: 10_000 },
      'USD',
      'Price of one GPU for one hour, for the cost by level.',
    ),
  }),
});
export type FileFields = z.output<typeof fileSchema>;
