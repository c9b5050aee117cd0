import { createHmac } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { GatewayConfig } from '../../config/types.js';
import { assertWebhook, publicLookup } from './target.js';

const ANSWER_LIMIT_MS = 10_000;

export interface Delivery {
  url: string;
  /** Stays the same over all attempts. */
  id: string;
  body: string;
  /** Signs it: `whsec_` and base64. */
  secret: string;
  /** Unix seconds of this attempt. */
  timestamp: number;
}

/** The signature of the Standard Webhooks specification: HMAC-SHA256 over id, time and body. */
export function signatureOf({ id, timestamp, body, secret }: Omit<Delivery, 'url'>): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/**
 * One attempt. Resolves when the receiver answered with 2xx; redirects are not followed. Rejects with what happened,
 * fit for a log: a status, or why there was no connection.
 */
export function deliver(delivery: Delivery, policy: GatewayConfig['webhooks']): Promise<void> {
  const url = assertWebhook(delivery.url, policy);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method: 'POST',
        lookup: publicLookup(policy),
        agent: false,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(delivery.body),
          'user-agent': 'sluice-webhook',
          'webhook-id': delivery.id,
          'webhook-timestamp': String(delivery.timestamp),
          'webhook-signature': signatureOf(delivery),
        },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        // What it says is of no interest, and could be endless.
        response.destroy();
        if (status >= 200 && status < 300) resolve();
        else reject(new Error(`the receiver answered ${status}`));
      },
    );
    const limit = setTimeout(
      () => request.destroy(new Error(`no answer in ${ANSWER_LIMIT_MS / 1000} s`)),
      ANSWER_LIMIT_MS,
    );
    request.on('error', reject);
    request.on('close', () => clearTimeout(limit));
    request.end(delivery.body);
  });
}
