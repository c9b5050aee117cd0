import { copyFileSync, openSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDataFolder } from '../config/data-folder.js';

const MOST_BYTES = 8 * 1024 * 1024;
const MOST_FILES = 200;
const TAIL_BYTES = 16 * 1024;

/** Files with what workers print: one each, at most twice 8 MiB with its predecessor, the newest 200 kept. */
export class WorkerLogs {
  private readonly folder: string;

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'logs');
    makeDataFolder(this.folder);
  }

  path(workerId: string): string {
    return join(this.folder, `${workerId}.log`);
  }

  /** Opens a worker's log for appending; the caller closes the descriptor. */
  open(workerId: string): number {
    return openSync(this.path(workerId), 'a');
  }

  /** Last lines, oldest first; none when nothing was printed. */
  async tail(workerId: string, lines: number): Promise<string[]> {
    const file = await open(this.path(workerId)).catch(() => null);
    if (!file) return [];
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const text = buffer.toString('utf8', 0, bytesRead).split('\n');
      return text.filter((line) => line.trim() !== '').slice(-lines);
    } finally {
      await file.close();
    }
  }

  /**
   * Bounds what is kept. Workers write through descriptors of their own that outlive the allocator, so a file that
   * grew too long is copied and emptied in place: they append, and go on at its new end.
   */
  trim(): void {
    const logs = readdirSync(this.folder)
      .filter((name) => name.endsWith('.log'))
      .flatMap((name) => {
        const path = join(this.folder, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat ? [{ path, bytes: stat.size, changedMs: stat.mtimeMs }] : [];
      })
      .sort((a, b) => b.changedMs - a.changedMs);
    for (const { path, bytes } of logs.slice(0, MOST_FILES)) {
      if (bytes <= MOST_BYTES) continue;
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
    }
    for (const { path } of logs.slice(MOST_FILES)) {
      rmSync(path, { force: true });
      rmSync(`${path}.1`, { force: true });
    }
  }
}
