// Sends one request to a running Sluice through its TypeScript client and streams the answer.
//
//   sluice up -c examples/llm/configs/global_scheduler_demo.yaml       (prints the REDIS_URL to use)
//   npm run build
//   REDIS_URL=redis://127.0.0.1:6379 node dist/examples/llm/components/redis_client.js [LEVEL] [PROMPT] [CONFIG]
import { defaultConfig, loadConfig } from '../../../src/config/load.js';
import { SluiceError } from '../../../src/contract/errors.js';
import { textOf } from '../../../src/contract/openai.js';
import { SluiceClient } from '../../../src/scheduler/client.js';

const USAGE = `usage: REDIS_URL=redis://HOST:PORT node dist/examples/llm/components/redis_client.js [LEVEL] [PROMPT] [CONFIG]
  LEVEL   high (default), medium or low
  PROMPT  the text to send
  CONFIG  the configuration file that \`sluice up\` was started with (default: the presets)
REDIS_URL is the Redis that \`sluice up\` runs on; \`sluice up\` prints it.
`;

async function main(): Promise<number> {
  const [level = 'high', prompt = 'Why does a sluice have gates?', configFile] = process.argv.slice(2);
  const redisUrl = process.env.REDIS_URL;
  if (redisUrl === undefined || level.startsWith('-')) {
    process.stderr.write(redisUrl === undefined ? `REDIS_URL is not set.\n${USAGE}` : USAGE);
    return 2;
  }
  const config = configFile === undefined ? defaultConfig() : loadConfig(configFile);
  const client = await SluiceClient.open(config, redisUrl);
  try {
    const handle = await client.submit(
      { prompt, max_tokens: 64, slo_level: level },
      { onTokens: ({ tokens }) => process.stdout.write(textOf(tokens)) },
    );
    const outcome = await handle.done;
    if (outcome.kind !== 'completed') throw SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
    const { pool, workerId, ttftSeconds, itlSeconds, attained } = outcome.result;
    process.stderr.write(
      `\npool ${pool}, worker ${workerId}, TTFT ${ttftSeconds.toFixed(3)} s, ITL ${itlSeconds?.toFixed(4) ?? '-'} s, ` +
        `${attained ? 'within' : 'outside'} the level's target\n`,
    );
    return 0;
  } finally {
    await client.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const { code, message, exitCode } = SluiceError.from(error);
  process.stderr.write(`${code}: ${message}\n`);
  process.exitCode = exitCode;
}
