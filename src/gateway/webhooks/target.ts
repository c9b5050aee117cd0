import { lookup as resolveName } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { GatewayConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';

type Policy = GatewayConfig['webhooks'];

/** Addresses that are not the public internet's (IANA special-purpose registries), and could be this network's own. */
const PRIVATE = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv4');
}
/** Of IPv6 only global unicast is public, and of it not what carries IPv4 addresses or documentation. */
const PUBLIC6 = new BlockList();
PUBLIC6.addSubnet('2000::', 3, 'ipv6');
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv6');
}

/** Whether an address lies on the public internet. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !PRIVATE.check(address, 'ipv4');
    case 6:
      return PUBLIC6.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6');
    default:
      return false;
  }
}

/** A webhook's address, as far as it can be judged without looking its name up. Errors: `invalid_request`. */
export function assertWebhook(text: string, policy: Policy): URL {
  const wrong = (what: string) => new SluiceError('invalid_request', `webhook.url: expected ${what}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong('a URL such as https://example.com/hook');
  }
  if (url.protocol !== 'https:' && !(policy.http && url.protocol === 'http:')) {
    throw wrong(`https${policy.http ? ' or http' : ''}, got ${url.protocol.slice(0, 20)}`);
  }
  if (url.username !== '' || url.password !== '') throw wrong('a URL without user and password');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!policy.privateAddresses && isIP(host) !== 0 && !isPublic(host)) {
    throw wrong('an address on the public internet');
  }
  return url;
}

/**
 * A look-up of names for Node's sockets that answers with public addresses only. The socket connects to what is answered
 * here, so that a name that changes its address between check and use leads nowhere.
 */
export function publicLookup(policy: Policy): LookupFunction {
  return (name, options, done) => {
    resolveName(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, '', 0);
      const allowed = found.filter(({ address }) => policy.privateAddresses || isPublic(address));
      const [first] = allowed;
      if (first === undefined) {
        return done(
          Object.assign(new Error(`${name} has no address on the public internet`), { code: 'EPRIVATE' }),
          '',
          0,
        );
      }
      if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}
