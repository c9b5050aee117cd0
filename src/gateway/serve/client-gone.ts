import type { ServerResponse } from 'node:http';

/** Calls back once if the client closes the connection before its answer was handed over. @returns stops watching. */
export function onClientGone(response: ServerResponse, gone: () => void): () => void {
  const onClose = () => {
    if (!response.writableFinished) gone();
  };
  if (response.destroyed) setImmediate(onClose);
  else response.once('close', onClose);
  return () => response.off('close', onClose);
}
