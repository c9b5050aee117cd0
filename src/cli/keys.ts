import { Command, Option } from 'commander';
import type { Redis } from 'ioredis';
import { readEnvironment } from '../config/environment.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import type { Config } from '../config/types.js';
import type { ApiKey } from '../contract/api-key.js';
import { SluiceError } from '../contract/errors.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { assertRedis } from '../queues/server-check.js';
import { createKey, type KeyFields, keyUse, listKeys, revokeKey } from '../tenants/key-store.js';
import { renewWebhookSecret, webhookSecret } from '../tenants/webhook-secret.js';
import { alignedTable } from './report/table.js';
import { findSystem } from './system.js';

interface CommonFlags {
  config?: string;
  data?: string;
  json?: boolean;
}

interface CreateFlags extends CommonFlags {
  tenant: string;
  name?: string;
  maxLevel?: string;
  beyond: ApiKey['beyond'];
  rpm?: string;
  tpm?: string;
  concurrent?: string;
  gpuSeconds?: string;
  per: string;
  operator?: boolean;
}

/** Lengths of a budget's period, seconds. */
const PERIODS: Record<string, number | null> = { hour: 3600, day: 86_400, week: 604_800, ever: null };
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** What would break a line, or hide or turn text around on a terminal. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const RESERVED = ['direct', 'local'];

/** `sluice keys create|list|revoke|webhook-secret`: who may use the HTTP gateway, and how much. */
export function keysCommand(): Command {
  const command = new Command('keys').description('API keys of the HTTP gateway (gateway.auth: keys)');
  common(command.command('create'))
    .description('make a key; its text is shown once and kept nowhere')
    .requiredOption('--tenant <name>', 'whose key it is; the keys of one tenant share its fair share')
    .option('--name <text>', 'what it is for')
    .option('--max-level <level>', 'highest SLO level that it may use; without it every level')
    .addOption(
      new Option('--beyond <policy>', 'what happens to a request beyond that level')
        .choices(['clamp', 'refuse'])
        .default('refuse'),
    )
    .option('--rpm <n>', 'most requests a minute')
    .option('--tpm <n>', 'most tokens a minute, prompt and output')
    .option('--concurrent <n>', 'most requests waiting or running at once')
    .option('--gpu-seconds <n>', 'GPU-seconds that its requests may use')
    .addOption(
      new Option('--per <period>', 'when that budget begins anew')
        .choices(Object.keys(PERIODS))
        .default('day'),
    )
    .option('--operator', 'may also see and operate the whole system, on the dashboard and the queue boards')
    .action((flags: CreateFlags) =>
      withRedis(flags, async (redis, keys, config) => {
        const { text, key } = await createKey(redis, keys, fieldsOf(flags, config), Date.now());
        if (flags.json === true) print(JSON.stringify({ ...shown(key), key: text }, null, 2));
        else print(text);
      }),
    );
  common(command.command('list'))
    .description('all keys, with what they have in use')
    .action((flags: CommonFlags) =>
      withRedis(flags, (redis, keys) => list(redis, keys, flags.json === true)),
    );
  common(command.command('revoke'))
    .description('end keys at once, everywhere; their requests are cancelled')
    .argument('<id...>', 'ids of keys')
    .action((ids: string[], flags: CommonFlags) =>
      withRedis(flags, async (redis, keys) => {
        for (const id of ids) {
          const key = await revokeKey(redis, keys, id, Date.now());
          if (flags.json !== true) print(`key ${id} of ${key.tenant} works no longer`);
          else print(JSON.stringify(shown(key)));
        }
      }),
    );
  common(command.command('webhook-secret'))
    .description("show the secret that a tenant's webhooks are signed with (docs/async.md)")
    .option('--tenant <name>', 'whose; local: that of a gateway without keys', 'local')
    .option('--renew', 'make a new one first; webhooks from now on are signed with it')
    .action((flags: CommonFlags & { tenant: string; renew?: boolean }) =>
      withRedis(flags, async (redis, keys) => {
        const read = flags.renew === true ? renewWebhookSecret : webhookSecret;
        const secret = await read(redis, keys, flags.tenant);
        print(flags.json === true ? JSON.stringify({ tenant: flags.tenant, secret }) : secret);
      }),
    );
  return command;
}

function common(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the system (with REDIS_URL)')
    .option('--data <dir>', 'data folder of the running system')
    .option('--json', 'print JSON');
}

async function list(redis: Redis, keys: Keys, json: boolean): Promise<void> {
  const found = await listKeys(redis, keys);
  const used = await Promise.all(found.map((key) => keyUse(redis, keys, key, Date.now())));
  if (json) {
    print(
      JSON.stringify(
        found.map((key, at) => ({ ...shown(key), use: used[at] })),
        null,
        2,
      ),
    );
    return;
  }
  const limit = (value: number | null) => (value === null ? '-' : String(value));
  const rows = found.map((key, at) => [
    key.id,
    key.tenant,
    key.name === '' ? '-' : key.name,
    key.maxLevel === null ? 'all' : `${key.maxLevel} (${key.beyond})`,
    limit(key.requestsPerMinute),
    limit(key.tokensPerMinute),
    `${used[at]?.open ?? 0}/${limit(key.concurrent)}`,
    `${(used[at]?.gpuSeconds ?? 0).toFixed(1)}/${limit(key.budget?.gpuSeconds ?? null)}`,
    `${key.revokedAtMs === null ? 'works' : 'revoked'}${key.operator ? ', operator' : ''}`,
  ]);
  const header = ['ID', 'TENANT', 'NAME', 'LEVELS', 'RPM', 'TPM', 'OPEN', 'GPU-S', ''];
  print(alignedTable([header, ...rows]).join('\n'));
}

/** A key without its hash. */
function shown({ hash: _, ...key }: ApiKey): Omit<ApiKey, 'hash'> {
  return key;
}

/** Errors: `invalid_request`, naming the option. */
function fieldsOf(flags: CreateFlags, config: Config): KeyFields {
  if (!TENANT.test(flags.tenant) || RESERVED.includes(flags.tenant)) {
    const shape = `a name of letters, digits, ".", "_", "-" other than ${RESERVED.join(' and ')}`;
    throw new SluiceError(
      'invalid_request',
      `--tenant: expected ${shape}, got ${JSON.stringify(flags.tenant)}`,
    );
  }
  const levels = [...new Set(Object.values(config.pools).map(({ level }) => level))];
  if (flags.maxLevel !== undefined && !levels.includes(flags.maxLevel)) {
    const wanted = `expected one of ${levels.join(', ')}`;
    throw new SluiceError('invalid_request', `--max-level: ${wanted}, got ${JSON.stringify(flags.maxLevel)}`);
  }
  const name = flags.name ?? '';
  if (CONTROL.test(name)) {
    const wanted = 'expected one line without control characters';
    throw new SluiceError('invalid_request', `--name: ${wanted}, got ${JSON.stringify(name)}`);
  }
  const gpuSeconds = numberOf('--gpu-seconds', flags.gpuSeconds);
  return {
    tenant: flags.tenant,
    name,
    maxLevel: flags.maxLevel ?? null,
    beyond: flags.beyond,
    requestsPerMinute: numberOf('--rpm', flags.rpm),
    tokensPerMinute: numberOf('--tpm', flags.tpm),
    concurrent: numberOf('--concurrent', flags.concurrent),
    operator: flags.operator === true,
    budget: gpuSeconds === null ? null : { gpuSeconds, periodSeconds: PERIODS[flags.per] ?? null },
  };
}

function numberOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new SluiceError(
    'invalid_request',
    `${option}: expected a number above 0, got ${JSON.stringify(text)}`,
  );
}

/** Keys are in Redis: with REDIS_URL nothing else has to run. */
async function withRedis(
  flags: CommonFlags,
  work: (redis: Redis, keys: Keys, config: Config) => Promise<void>,
): Promise<void> {
  const { config, redisUrl } = await addressOf(flags);
  await assertRedis(redisUrl);
  const redis = connect(redisUrl, 'plain');
  try {
    await work(redis, new Keys(config.namespace), config);
  } finally {
    redis.disconnect();
  }
}

async function addressOf(flags: CommonFlags): Promise<{ config: Config; redisUrl: string }> {
  const { redisUrl } = readEnvironment();
  if (redisUrl === null) return findSystem({ configFile: flags.config, dataDir: flags.data });
  return { config: flags.config === undefined ? defaultConfig() : loadConfig(flags.config), redisUrl };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
