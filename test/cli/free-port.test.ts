import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { untilPortFree } from '../../src/cli/up/free-port.js';

async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens nowhere');
  return { server, port: address.port };
}

it('a port that stays taken is an error that says what to do', async () => {
  const { server, port } = await listening();
  await expect(untilPortFree('127.0.0.1', port, 0)).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(`127.0.0.1:${port} is taken; stop what listens there`),
  });
  server.close();
});

it('a port that is given up meanwhile is free', async () => {
  const { server, port } = await listening();
  const free = untilPortFree('127.0.0.1', port, 60_000);
  server.close();
  await free;
});
