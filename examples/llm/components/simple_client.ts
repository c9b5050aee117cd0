// Sends one request to a running Sluice over HTTP with the `openai` package and prints the answer.
//
//   sluice up                                      (prints the URL)
//   npm run build
//   node dist/examples/llm/components/simple_client.js --level high "Why is the sky blue?"
//
// Exit codes: 0 answered (or cancelled as asked), 1 the server refused or failed it, 2 wrong usage, 3 no server.
import { parseArgs } from 'node:util';
import OpenAI, { APIConnectionError, APIError } from 'openai';

const USAGE = `usage: simple_client [--url URL] [--key KEY] [--level LEVEL] [--model MODEL] [--max-tokens N]
                     [--no-stream] [--completions] [--cancel-after N] [PROMPT]
  --url           default: $SLUICE_URL, or http://127.0.0.1:8080
  --key           default: $SLUICE_API_KEY; needed where the gateway asks for keys
  --level         high, medium (default) or low
  --no-stream     wait for the whole answer
  --completions   /v1/completions in place of chat
  --cancel-after  cancel after N pieces of text
`;

function readFlags() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: process.env.SLUICE_URL ?? 'http://127.0.0.1:8080' },
      key: { type: 'string', default: process.env.SLUICE_API_KEY ?? '' },
      level: { type: 'string', default: 'medium' },
      model: { type: 'string', default: '' },
      'max-tokens': { type: 'string', default: '64' },
      'no-stream': { type: 'boolean', default: false },
      completions: { type: 'boolean', default: false },
      'cancel-after': { type: 'string', default: '0' },
    },
  });
  return { ...values, prompt: positionals[0] ?? 'Why does a sluice have gates?' };
}
type Flags = ReturnType<typeof readFlags>;

/** A request of either endpoint, as functions of how it is answered. */
function requestOf(openai: OpenAI, flags: Flags) {
  const { level, prompt, completions } = flags;
  // An empty model is left out: the level's own.
  const shared = {
    model: flags.model || undefined,
    max_tokens: Number(flags['max-tokens']),
    slo_level: level,
  };
  const streaming = { stream: true as const, stream_options: { include_usage: true } };
  if (completions) {
    const body = { ...shared, prompt } as OpenAI.CompletionCreateParamsNonStreaming;
    return {
      whole: () => openai.completions.create(body),
      stream: () => openai.completions.create({ ...body, ...streaming }),
    };
  }
  const messages = [{ role: 'user' as const, content: prompt }];
  const body = { ...shared, messages } as OpenAI.ChatCompletionCreateParamsNonStreaming;
  return {
    whole: () => openai.chat.completions.create(body),
    stream: () => openai.chat.completions.create({ ...body, ...streaming }),
  };
}

type Answer = OpenAI.ChatCompletion | OpenAI.ChatCompletionChunk | OpenAI.Completion;

/** The text of an answer or a chunk: of a chat or a completion. */
function textOf(answer: Answer): string {
  const [choice] = answer.choices;
  if (choice === undefined) return '';
  if ('text' in choice) return choice.text;
  return ('message' in choice ? choice.message.content : choice.delta.content) ?? '';
}

function tell(answer: Answer, usage: Answer['usage']): void {
  const level = 'slo_level' in answer ? String(answer.slo_level) : '-';
  const tokens = `${usage?.prompt_tokens} + ${usage?.completion_tokens} tokens`;
  process.stderr.write(`${answer.id}: level ${level}, ${tokens}\n`);
}

async function ask(openai: OpenAI, flags: Flags): Promise<void> {
  const request = requestOf(openai, flags);
  if (flags['no-stream']) {
    const answer = await request.whole();
    process.stdout.write(`${textOf(answer)}\n`);
    return tell(answer, answer.usage);
  }
  const cancelAfter = Number(flags['cancel-after']);
  const stream = await request.stream();
  let pieces = 0;
  let last: Answer | undefined;
  for await (const chunk of stream) {
    const text = textOf(chunk);
    process.stdout.write(text);
    if (text !== '') pieces++;
    last = chunk;
    if (cancelAfter > 0 && pieces >= cancelAfter) {
      stream.controller.abort(); // closes the connection: the request is cancelled, wherever it runs
      process.stderr.write(`\ncancelled ${chunk.id} after ${pieces} pieces\n`);
      return;
    }
  }
  process.stdout.write('\n');
  if (last !== undefined) tell(last, last.usage);
}

async function main(): Promise<number> {
  let flags: Flags;
  try {
    flags = readFlags();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  const openai = new OpenAI({
    baseURL: `${flags.url.replace(/\/$/, '')}/v1`,
    apiKey: flags.key || 'none',
    maxRetries: 0,
  });
  try {
    await ask(openai, flags);
    return 0;
  } catch (error) {
    if (error instanceof APIConnectionError) {
      process.stderr.write(`no Sluice at ${flags.url}; start one with \`sluice up\`, or give --url\n`);
      return 3;
    }
    if (!(error instanceof APIError)) throw error;
    const wait = error.headers?.get('retry-after');
    const again = wait == null ? '' : `; try again in ${wait} s`;
    process.stderr.write(`${error.status} ${error.code}: ${error.message.replace(/^\d+ /, '')}${again}\n`);
    return 1;
  }
}

process.exitCode = await main();
