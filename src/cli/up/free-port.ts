import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../contract/errors.js';

const LOOK_EVERY_MS = 200;

/**
 * Resolves when nothing listens on the gateway's address: one that was killed with its supervisor may hold it for a
 * moment. What else is wrong with the address the gateway itself tells.
 * @param waitMs so long at most
 * @throws SluiceError port_in_use
 */
export async function untilPortFree(host: string, port: number, waitMs = 5_000): Promise<void> {
  for (const giveUpAtMs = Date.now() + waitMs; await isTaken(host, port); await sleep(LOOK_EVERY_MS))
    if (Date.now() >= giveUpAtMs)
      throw new SluiceError(
        'port_in_use',
        `gateway.port: ${host}:${port} is taken; stop what listens there, or give another with --port (0: a free one)`,
      );
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error && error.code === 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
