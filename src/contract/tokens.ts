/**
 * Token count of a text where no tokenizer is at hand: each run of non-space characters counts one token
 * for every four characters begun (OpenAI's rule of thumb of four characters a token, word by word).
 * Used for limits, routing and the sim engine; a real engine counts for itself.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) <= 32) run = 0;
    else if ((run++ & 3) === 0) tokens++;
  }
  return tokens;
}
