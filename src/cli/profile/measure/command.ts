import { basename, extname } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { readSecret } from '../../../config/environment.js';
import { SluiceError } from '../../../contract/errors.js';
import { parseJson } from '../../../contract/reply.js';
import { EngineClient } from '../../../engines/openai/client.js';
import { fitLaw } from '../../../profile/tables/fit.js';
import { readTable } from '../../../profile/tables/read.js';
import { checkOutput, writeOutput } from '../../report/output.js';
import { fitReport, renderFit } from '../fit.js';
import { count } from '../options.js';
import { Probe } from './probe.js';
import { type Sweep, sweep } from './sweep.js';

interface MeasureFlags {
  url: string;
  model?: string;
  gpu?: string;
  gpus: number;
  isl: number[];
  repeats: number;
  concurrency: number[];
  context: number[];
  window: number;
  kvTokens?: number;
  apiKeyEnv?: string;
  seed: number;
  out?: string;
  json?: boolean;
}

/** Longest wait for a first token, or between two: prompts of many sequences are computed before the last one starts. */
const LIMIT_SECONDS = 300;

/** `sluice profile measure --url`: sweeps a server and writes what it measured. */
export function measureCommand(): Command {
  return new Command('measure')
    .description('sweep an OpenAI-compatible server that nobody else uses, and write its measured profile')
    .requiredOption('--url <url>', 'address of the server, such as http://127.0.0.1:8000')
    .option('--model <name>', 'name of the model there (default: its first)')
    .option('--gpu <name>', 'GPU type, for the profile (h100_sxm, ...)')
    .option('--gpus <n>', 'GPUs of the engine: its tensor parallelism', count, 1)
    .option('--isl <list>', 'prompt lengths for TTFT', list, [128, 256, 512, 1024, 2048, 4096, 8192])
    .option('--repeats <n>', 'runs of each prompt length; their median counts', count, 3)
    .option('--concurrency <list>', 'sequences at once, for ITL', list, [1, 2, 4, 8, 16, 32, 64, 128])
    .option('--context <list>', 'tokens of their prompts', list, [256, 1024, 4096])
    .option('--window <n>', 'tokens of each sequence that an ITL is taken from', count, 64)
    .option('--kv-tokens <n>', 'KV cache of the engine, where its /metrics do not tell it', count)
    .option('--api-key-env <name>', 'environment variable with the key of the server')
    .option('--seed <n>', 'of the prompts', count, 1)
    .option('--out <file>', 'write the profile; name it as engine.profile')
    .option('--json', 'print the profile, not what was fitted to it')
    .action(measure);
}

async function measure(flags: MeasureFlags): Promise<void> {
  const apiKey = flags.apiKeyEnv === undefined ? null : readSecret(flags.apiKeyEnv);
  const url = addressOf(flags.url);
  if (flags.out !== undefined) checkOutput(flags.out);
  const model = flags.model ?? (await firstModel(url, apiKey));
  const probe = await Probe.open({ url, model, apiKey, seed: flags.seed, limitSeconds: LIMIT_SECONDS });
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  let found: Sweep;
  try {
    const kvTokens = flags.kvTokens ?? probe.kvTokens;
    if (!(kvTokens > 0)) {
      throw new SluiceError(
        'invalid_request',
        `${url}/metrics does not tell the size of the KV cache: expected --kv-tokens (the engine logs it at its start)`,
      );
    }
    found = await sweep(probe, { ...flags, kvTokens }, say);
  } finally {
    await probe.close();
  }
  for (const line of found.skipped) say(`left out: ${line}`);
  const file = profileFile(found, flags, model, url);
  const points = JSON.stringify(file, null, 2);
  // First of all what took so long is kept: no law may follow it.
  if (flags.out !== undefined) writeOutput(flags.out, `${points}\n`);
  const name = flags.out === undefined ? 'measured' : basename(flags.out, extname(flags.out));
  try {
    const table = readTable(name, [{ name: flags.out ?? name, bytes: Buffer.from(points) }]);
    const { ttft, itl, ttftError, itlError } = fitLaw(table);
    const text = JSON.stringify({ ...file, law: { ttft, itl, ttftError, itlError } }, null, 2);
    if (flags.out !== undefined) writeOutput(flags.out, `${text}\n`);
    process.stdout.write(`${flags.json === true ? text : renderFit(fitReport(table, {}))}\n`);
  } catch (error) {
    if (flags.out === undefined) process.stdout.write(`${points}\n`);
    throw error;
  } finally {
    if (flags.out !== undefined) say(`${flags.out}: measured profile of ${model}, TP ${flags.gpus}`);
  }
}

/** Without a slash or /v1 at its end. */
function addressOf(text: string): string {
  const url = text.replace(/\/+$/, '').replace(/\/v1$/, '');
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new SluiceError(
    'invalid_request',
    `--url: expected an address such as http://127.0.0.1:8000, got ${JSON.stringify(text)}`,
  );
}

/** Our JSON: loading it fits the law anew, so `law` beside it is for readers. */
function profileFile({ prefill, decode }: Sweep, flags: MeasureFlags, model: string, url: string) {
  const meta = {
    model,
    gpu: flags.gpu ?? null,
    gpus_per_prefill_engine: flags.gpus,
    gpus_per_decode_engine: flags.gpus,
    units: 'ttft/itl in ms, thpt_per_gpu in tokens/s/GPU',
    note: `measured at ${url} by sluice profile measure: lone prompts; steady batches, no prompt computed beside them`,
  };
  return { meta, prefill, decode };
}

const modelsSchema = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).min(1) });

async function firstModel(url: string, apiKey: string | null): Promise<string> {
  const client = new EngineClient({ url, apiKey, connectTimeoutMs: 5_000, headTimeoutMs: 10_000 });
  try {
    const { status, text } = await client.get('/v1/models', 10_000, 1024 * 1024);
    const parsed = modelsSchema.safeParse(parseJson(text));
    const [first] = parsed.success ? parsed.data.data : [];
    if (first !== undefined) return first.id;
    throw new SluiceError(
      'engine_failed',
      `${url}/v1/models: expected a list of models, got status ${status}`,
    );
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('engine_failed', `${url} cannot be reached: ${reason}`);
  } finally {
    await client.close();
  }
}

/** `1,2,4`. */
function list(text: string): number[] {
  const values = text.split(',').map((part) => count(part.trim()));
  if (values.includes(0))
    throw new InvalidArgumentError('expected whole numbers of 1 or more, such as 1,8,64');
  return values;
}
