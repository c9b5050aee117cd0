import { createHash, randomBytes } from 'node:crypto';

const SHAPE = /^sk-sluice-([0-9a-f]{16})-([A-Za-z0-9_-]{43})$/;

/** The two parts of an API key's text. */
export interface KeyParts {
  id: string;
  /** SHA-256 of the secret, hex. */
  hash: string;
}

/** A new key's text, to be shown once, and what is kept of it. */
export function newKey(): KeyParts & { text: string } {
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return { id, hash: hashOf(secret), text: `sk-sluice-${id}-${secret}` };
}

/** The parts of a key's text; undefined: no key of ours looks so. */
export function readKey(text: string): KeyParts | undefined {
  const [, id, secret] = SHAPE.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, hash: hashOf(secret) };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
