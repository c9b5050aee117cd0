import { expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import { plainText } from '../../src/contract/plain-text.js';
import { estimateTokens } from '../../src/contract/tokens.js';

it('shows escape codes and right-to-left overrides as text, and keeps lines and letters', () => {
  expect(plainText('a\u001b[31mred\u202e\u0007\tb\nç 漢')).toBe('a\\u001b[31mred\\u202e\\u0007 b\nç 漢');
});

it('counts one token for every four characters begun of each word', () => {
  // "hello" is 5 characters: 2 tokens; "a" 1; "twelve-chars" 12: 3.
  expect(estimateTokens('hello  a\n\ttwelve-chars ')).toBe(6);
  expect(estimateTokens(' \n')).toBe(0);
});

it('reads an error back from the reason it travelled as, and takes anything else as internal', () => {
  const sent = new SluiceError('expired', 'its deadline passed: 2 s ago');
  expect(SluiceError.fromReason(sent.toReason())).toMatchObject({
    code: 'expired',
    message: sent.message,
    exitCode: 5,
  });
  expect(SluiceError.fromReason('boom: no such code')).toMatchObject({ code: 'internal', exitCode: 1 });
});
