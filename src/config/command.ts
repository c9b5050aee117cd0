/** What a command template may name in braces, and what stands there when an engine is started. */
export const COMMAND_PLACEHOLDERS = {
  model: "the pool's model",
  port: 'a free port, where the engine must serve',
  side_port: "another free port (vLLM's VLLM_NIXL_SIDE_CHANNEL_PORT)",
  tp: 'GPUs of the lease',
  gpus: 'CUDA indices of the lease, with commas',
  gpu_memory_utilization: "the pool's gpu_memory_utilization",
  max_sequences: 'engine.max_sequences',
  max_batched_tokens: 'engine.max_batched_tokens',
  role: 'prefill or decode',
} as const;
export type CommandValues = Record<keyof typeof COMMAND_PLACEHOLDERS, string>;

/**
 * Splits a command into its words as a shell would, without being one: quotes and backslashes count, nothing is
 * expanded. Errors: a text, what is wrong with it.
 */
export function splitCommand(command: string): string[] | string {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let i = 0; i < command.length; i++) {
    const char = command[i] ?? '';
    if (quote !== null) {
      if (char === quote) quote = null;
      else if (char === '\\' && quote === '"' && '"\\'.includes(command[i + 1] ?? ' '))
        word += command[++i] ?? '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\') word = (word ?? '') + (command[++i] ?? '');
    else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) return `expected a closing ${quote}`;
  if (word !== null) words.push(word);
  return words.length === 0 ? 'expected a program' : words;
}

/** What is wrong with a command template; null: nothing. */
export function commandProblem(command: string): string | null {
  const words = splitCommand(command);
  if (typeof words === 'string') return words;
  for (const [, name] of command.matchAll(PLACEHOLDER)) {
    if (!Object.hasOwn(COMMAND_PLACEHOLDERS, name ?? '')) {
      const known = Object.keys(COMMAND_PLACEHOLDERS).map((each) => `{${each}}`);
      return `expected placeholders out of ${known.join(', ')}, got {${name}}`;
    }
  }
  return command.includes('{port}') ? null : 'expected {port}: Sluice chooses where the engine serves';
}

/** Only names: JSON in an argument has braces too. */
const PLACEHOLDER = /\{([a-z_]+)\}/g;

/** The words of a valid template with its placeholders filled in. */
export function commandWords(command: string, values: CommandValues): string[] {
  const known: Record<string, string> = values;
  const words = splitCommand(command);
  if (typeof words === 'string') throw new RangeError(words);
  return words.map((word) => word.replaceAll(PLACEHOLDER, (_, name: string) => known[name] ?? ''));
}
