import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';

/** What a server on a port answers: `ready`, `loading` its data (0..100 %), or `silent` (nothing there, or frozen). */
export type ServerState =
  | { state: 'ready'; pid: number }
  | { state: 'loading'; percent: number }
  | { state: 'silent' };

/** Asks the Redis on a loopback port how it is; a raw line, since INFO is answered even while data is loaded. */
export function probeRedis(port: number, timeoutMs = 2000): Promise<ServerState> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const end = (state: ServerState) => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(timeoutMs, () => end({ state: 'silent' }));
    socket.on('error', () => end({ state: 'silent' }));
    socket.on('close', () => end({ state: 'silent' }));
    socket.on('connect', () => socket.write('INFO server\r\nINFO persistence\r\n'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const loading = /^loading:([01])\r$/m.exec(text)?.[1];
      const pid = /^process_id:(\d+)\r$/m.exec(text)?.[1];
      if (loading === '0' && pid !== undefined) end({ state: 'ready', pid: Number(pid) });
      const percent = /^loading_loaded_perc:([\d.]+)\r$/m.exec(text)?.[1];
      if (loading === '1' && percent !== undefined) end({ state: 'loading', percent: Number(percent) });
    });
  });
}

/** True when nothing listens on this loopback port. */
export function isFree(port: number): Promise<boolean> {
  return listen(port).then(
    () => true,
    () => false,
  );
}

/**
 * A loopback port that is free now (another process may still take it first). Taken below the ports that systems give
 * to outgoing connections (from 32768 on Linux): while the server is down, one of those, even a client's own attempt to
 * reconnect, could occupy its port.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
  return listen(0);
}

function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      const taken = address !== null && typeof address === 'object' ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}

/** Bytes of a socket's path that every system takes (macOS: 104 with the ending zero). */
const LONGEST_SOCKET = 103;

/** The path, where a Unix socket can be made there; null: it is too long, or the file system takes none. What was there goes. */
export async function usableSocket(path: string): Promise<string | null> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET) return null;
  await rm(path, { force: true }).catch(() => {});
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(path, () => server.close(() => resolve(path)));
  });
}
