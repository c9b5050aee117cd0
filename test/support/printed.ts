import type { Command } from 'commander';
import { vi } from 'vitest';

export interface Printed {
  out: string;
  /** What it said on stderr. */
  notes: string;
  code: unknown;
}

/** Runs a command in this process with these arguments. Errors: those of the command. */
export async function printed(command: Command, ...args: string[]): Promise<Printed> {
  const caught = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      caught[stream] += String(text);
      return true;
    }),
  );
  try {
    await command.parseAsync(['node', command.name(), ...args]);
    return { out: caught.stdout, notes: caught.stderr, code: process.exitCode };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
