import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { makeDataFolder } from '../../config/data-folder.js';
import { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';
import { commandLineHas, processAlive } from '../../gpu/process.js';

const runFileSchema = z.object({
  pid: z.number().int(),
  redisUrl: z.string(),
  configFile: z.string().nullable(),
  startedAtMs: z.number(),
});
/** What a running `sluice up` tells other commands on this machine: DATA/run.json. */
export type RunFile = z.output<typeof runFileSchema>;

/** Part of the command line of every process that may hold a run file. */
const COMMAND = 'sluice';

function pathOf(dataDir: string): string {
  return join(resolve(dataDir), 'run.json');
}

/** The running `sluice up` of this data folder; undefined: none runs. */
export function readRunFile(dataDir: string): RunFile | undefined {
  let text: string;
  try {
    text = readFileSync(pathOf(dataDir), 'utf8');
  } catch {
    return undefined;
  }
  const parsed = runFileSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { pid } = parsed.data;
  // A process id may have been given anew, to something else.
  return processAlive(pid) && commandLineHas(pid, COMMAND) ? parsed.data : undefined;
}

/** Errors: `already_running` when another `sluice up` holds the folder, `invalid_request` where it cannot be written. */
export function writeRunFile(dataDir: string, run: Omit<RunFile, 'pid'>): void {
  const running = readRunFile(dataDir);
  if (running !== undefined && running.pid !== process.pid) throw alreadyRunning(dataDir, running.pid);
  makeDataFolder(dataDir);
  const entry: RunFile = { pid: process.pid, ...run };
  // The address may hold a password.
  writeFileSync(pathOf(dataDir), `${JSON.stringify(entry, null, 2)}\n`, { mode: 0o600 });
}

export function removeRunFile(dataDir: string): void {
  if (readRunFile(dataDir)?.pid === process.pid) rmSync(pathOf(dataDir), { force: true });
}

export function alreadyRunning(dataDir: string, pid: number): SluiceError {
  return new SluiceError(
    'already_running',
    `${resolve(dataDir)} belongs to a running \`sluice up\` (process ${pid}); stop it, or name another folder with --data`,
  );
}
