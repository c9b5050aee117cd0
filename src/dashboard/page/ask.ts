import { authorization } from './store.js';
import { messageOf } from './stream.js';

/** Asks the gateway. @throws Error with the gateway's own words. */
export async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...authorization(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    cache: 'no-store',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(await messageOf(response));
  return (await response.json()) as T;
}
