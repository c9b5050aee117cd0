import { Command } from 'commander';
import { SluiceError } from '../contract/errors.js';
import { textOf } from '../contract/openai.js';
import { plainText } from '../contract/plain-text.js';
import type { Outcome, RequestResult, Submission } from '../contract/request.js';
import { type RequestHandle, SluiceClient } from '../scheduler/client.js';
import { findSystem } from './system.js';

interface SubmitFlags {
  slo?: string;
  maxTokens: string;
  model?: string;
  id?: string;
  deadline?: string;
  config?: string;
  data?: string;
  json?: boolean;
}

/** `sluice submit "prompt"`: one request to a running system, its tokens as they come. */
export function submitCommand(): Command {
  return new Command('submit')
    .description('send one request to a running system and stream its tokens')
    .argument('<prompt>', 'the prompt; - reads it from standard input')
    .option('--slo <level>', 'SLO level, or an OpenAI service tier; without it the configured default')
    .option('--max-tokens <n>', 'most tokens to generate', '128')
    .option('--model <name>', 'model; without it any that serves the level')
    .option('--id <id>', 'request id: the same id twice is one execution')
    .option('--deadline <seconds>', 'ends as expired if it still waits after so long')
    .option('-c, --config <file>', 'configuration of the running system (with REDIS_URL)')
    .option('--data <dir>', 'data folder of the running system')
    .option('--json', 'print one JSON object at the end instead of streaming')
    .addHelpText(
      'after',
      `
Examples:
  sluice submit --slo high "Why is the sky blue?"
  sluice submit --slo low --max-tokens 500 --json - < prompt.txt
Ctrl-C cancels the request. Exit codes: 0 completed, 1 failed, 2 wrong request, 5 expired, 6 cancelled.`,
    )
    .action(async (prompt: string, flags: SubmitFlags) => {
      process.exitCode = await submit(prompt, flags);
    });
}

async function submit(prompt: string, flags: SubmitFlags): Promise<number> {
  const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
  const submission = submissionOf(prompt === '-' ? await readStdin() : prompt, flags);
  const client = await SluiceClient.open(config, redisUrl);
  try {
    const stream = flags.json !== true;
    const handle = await client.submit(submission, {
      onTokens: (frame) => {
        if (stream) process.stdout.write(plainText(textOf(frame.tokens)));
      },
    });
    const cancel = () => void client.cancel(handle.id).catch(() => process.exit(130));
    process.once('SIGINT', cancel);
    const outcome = await handle.done;
    process.removeListener('SIGINT', cancel);
    if (flags.json === true)
      process.stdout.write(`${JSON.stringify({ id: handle.id, ...outcome }, null, 2)}\n`);
    else printEnd(handle, outcome);
    return outcome.kind === 'completed' ? 0 : SluiceError.fromReason(`${outcome.code}: `).exitCode;
  } finally {
    await client.close();
  }
}

function submissionOf(prompt: string, flags: SubmitFlags): Submission {
  const submission: Submission = { prompt, max_tokens: numberOf('--max-tokens', flags.maxTokens) };
  if (flags.slo !== undefined) {
    const tiers = ['priority', 'default', 'flex', 'auto'];
    if (tiers.includes(flags.slo)) submission.service_tier = flags.slo;
    else submission.slo_level = flags.slo;
  }
  if (flags.model !== undefined) submission.model = flags.model;
  if (flags.id !== undefined) submission.id = flags.id;
  if (flags.deadline !== undefined) {
    submission.deadline_ms = Math.round(numberOf('--deadline', flags.deadline) * 1000);
  }
  return submission;
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new SluiceError('invalid_request', `${option}: expected a number, got ${JSON.stringify(text)}`);
}

function printEnd(handle: RequestHandle, outcome: Outcome): void {
  process.stdout.write('\n');
  if (outcome.kind === 'completed') process.stderr.write(`${figures(outcome.result)}\n`);
  else process.stderr.write(`request ${handle.id} ${outcome.kind}: ${plainText(outcome.message)}\n`);
}

function figures(result: RequestResult): string {
  const ttft = `TTFT ${(result.ttftSeconds * 1000).toFixed(0)} ms`;
  const itl = result.itlSeconds === null ? 'ITL -' : `ITL ${(result.itlSeconds * 1000).toFixed(1)} ms`;
  const tokens = `${result.usage.promptTokens} + ${result.usage.completionTokens} tokens`;
  const promise = result.attained ? 'within its SLO' : 'missed its SLO';
  return `${result.id}: ${ttft}, ${itl} (${promise}), ${tokens}, pool ${result.pool}, worker ${result.workerId}`;
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
