import { SluiceError } from '../contract/errors.js';

const EXPECTED =
  'redis://[USER:PASSWORD@]HOST[:PORT][/DB] or rediss://..., with the characters / # ? @ of a password written as %2F %23 %3F %40';

/** Errors: `no_redis`, naming REDIS_URL but none of its secrets, when it is not the address of a Redis. */
export function assertRedisUrl(url: string): void {
  if (isSocket(url) || (/^rediss?:\/\//.test(url) && /^\/?\d*$/.test(parsed(url)?.pathname ?? 'none')))
    return;
  throw new SluiceError('no_redis', `REDIS_URL: expected ${EXPECTED}; got ${redactUrl(url)}`);
}

/** The address without user, password and query. Where it cannot be told what is a secret, nothing but the scheme. */
export function redactUrl(url: string): string {
  if (isSocket(url)) return url;
  const address = parsed(url);
  if (address === null || /@/.test(address.pathname + address.search + address.hash))
    return `${/^[a-z]+:\/\//.exec(url)?.[0] ?? ''}***`;
  const { protocol, username, password, host, pathname } = address;
  return `${protocol}//${username === '' && password === '' ? '' : '***@'}${host}${pathname}`;
}

/** The path of a Unix socket, as `sluice up` gives it to its roles. */
function isSocket(url: string): boolean {
  return url.startsWith('/');
}

function parsed(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}
