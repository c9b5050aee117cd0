import { ROW_BLOCK_TOKENS } from '../traces/row.js';
import { seededRandom } from './random.js';

const CORPUS_WORDS = 32_768;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Words that open a prompt and make it differ from every other. */
const HEAD_WORDS = 4;

/**
 * Writes prompts of an exact number of tokens, as `estimateTokens` counts them: each word has two or three letters and so
 * is one token. A prompt is a head of its own and a slice of one long text, which makes thousands of them a second.
 */
export class PromptWriter {
  private readonly corpus: string;
  /** Where word k begins in the corpus. */
  private readonly starts: Int32Array;

  constructor(private readonly seed: number) {
    const random = seededRandom(seed, 'prompts');
    const letter = () => LETTERS[Math.floor(random() * LETTERS.length)] ?? 'a';
    const words: string[] = [];
    this.starts = new Int32Array(CORPUS_WORDS);
    let at = 0;
    for (let k = 0; k < CORPUS_WORDS; k++) {
      const word = random() < 0.5 ? letter() + letter() : letter() + letter() + letter();
      this.starts[k] = at;
      at += word.length + 1;
      words.push(word);
    }
    this.corpus = words.join(' ');
  }

  /** Text of exactly `tokens` tokens; texts of different keys differ from their first four tokens on. */
  prompt(key: number, tokens: number): string {
    return this.text('p', key, tokens);
  }

  /** Text of exactly `tokens` tokens made of blocks: equal hash ids give equal text, whatever prompt they stand in. */
  blocks(hashIds: readonly number[], tokens: number): string {
    const parts: string[] = [];
    let left = tokens;
    for (const id of hashIds) {
      const take = Math.min(left, ROW_BLOCK_TOKENS);
      if (take < 1) break;
      parts.push(this.text('b', id, take));
      left -= take;
    }
    return parts.join(' ');
  }

  private text(kind: 'p' | 'b', key: number, tokens: number): string {
    const head = headWords(kind, this.seed, key);
    if (tokens <= HEAD_WORDS) return head.slice(HEAD_WORDS - tokens).join(' ');
    const parts = [head.join(' ')];
    let left = tokens - HEAD_WORDS;
    let from = Math.imul(key + 1, 0x9e3779b1) >>> 17;
    while (left > 0) {
      const take = Math.min(left, CORPUS_WORDS - from);
      parts.push(this.slice(from, from + take));
      left -= take;
      from = 0;
    }
    return parts.join(' ');
  }

  private slice(from: number, to: number): string {
    const end = to < CORPUS_WORDS ? (this.starts[to] ?? 0) - 1 : this.corpus.length;
    return this.corpus.slice(this.starts[from], end);
  }
}

/** Four words of at most four characters; the last two tell 36^7 keys apart, the first two kinds and seeds. */
function headWords(kind: string, seed: number, key: number): string[] {
  const seedText = (Math.trunc(seed) >>> 0).toString(36).padStart(7, '0');
  const keyText = key.toString(36).padStart(8, '0');
  return [kind + seedText.slice(0, 3), seedText.slice(3), keyText.slice(-8, -4), keyText.slice(-4)];
}
