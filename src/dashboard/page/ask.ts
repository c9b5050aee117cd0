import { authorization, store } from './store.js';
import { isRefused, messageOf } from './stream.js';

/** Asks the gateway; a key that it refuses is asked for anew. @throws Error with the gateway's own words. */
export async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...authorization(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    cache: 'no-store',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    const message = await messageOf(response);
    if (isRefused(response)) store.refuse(message);
    throw new Error(message);
  }
  return (await response.json()) as T;
}
