import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import type { Random } from './random.js';

/** Quantiles that a table holds; a draw is one of them. */
const SIZE = 4096;

/** Lengths in tokens to draw from. */
export class TokenTable {
  readonly #tokens = new Int32Array(SIZE);

  /** `points`: share of requests (0..1) and the length that so many do not exceed, both rising. */
  constructor(points: readonly (readonly [share: number, tokens: number])[]) {
    let k = 0;
    for (let i = 0; i < SIZE; i++) {
      const share = (i + 0.5) / SIZE;
      while (k < points.length - 1 && (points[k]?.[0] ?? 1) < share) k++;
      const [high, most] = points[k] ?? [1, 1];
      const [low, least] = points[k - 1] ?? [0, 1];
      const part = high > low ? Math.min(1, (share - low) / (high - low)) : 1;
      this.#tokens[i] = Math.max(1, Math.round(least + (most - least) * part));
    }
  }

  draw(random: Random): number {
    return this.#tokens[Math.floor(random() * SIZE)] ?? 1;
  }

  get mean(): number {
    return this.#tokens.reduce((sum, tokens) => sum + tokens, 0) / SIZE;
  }
}

const points = z
  .array(z.tuple([z.number().min(0).max(100), z.number().min(0).max(1_000_000)]).rest(z.number()))
  .min(2);
const fileSchema = z.object({
  input: z.record(z.string(), points),
  output: z.record(z.string(), points),
});

/**
 * Reads token CDFs: JSON `{input: {KIND: [[percent, tokens, ...], ...]}, output: {...}}`.
 * Errors: `invalid_request`, naming the file and what is wrong with it.
 */
export function parseTokenCdfs(
  text: string,
  name: string,
  kind: string,
): { isl: TokenTable; osl: TokenTable } {
  const fail = (what: string) => new SluiceError('invalid_request', `${name}: ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fail('expected JSON with input and output CDFs');
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw fail(`${issue?.path.join('.') || 'file'}: ${issue?.message ?? 'not a table of CDFs'}`);
  }
  const table = (side: 'input' | 'output') => {
    const rows = Object.hasOwn(parsed.data[side], kind) ? parsed.data[side][kind] : undefined;
    if (rows === undefined)
      throw fail(
        `expected a kind of ${Object.keys(parsed.data[side]).join(', ')}, got ${JSON.stringify(kind)}`,
      );
    let last = 0;
    let most = 0;
    return new TokenTable(
      rows.map(([percent, tokens]) => {
        if (percent < last)
          throw fail(`${side}.${kind}: expected rising percents, got ${percent} after ${last}`);
        last = percent;
        // Read off a plot, lengths may step back a little.
        most = Math.max(most, tokens);
        return [percent / 100, most];
      }),
    );
  };
  return { isl: table('input'), osl: table('output') };
}
