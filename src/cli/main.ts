import { Command, CommanderError } from 'commander';
import { guarded } from './guarded.js';

/** A command's module is read when the command is asked for: all of them together take over a second. */
export const COMMANDS: readonly { names: readonly string[]; load: () => Promise<Command[]> }[] = [
  { names: ['up'], load: async () => [(await import('./up.js')).upCommand()] },
  { names: ['submit'], load: async () => [(await import('./submit.js')).submitCommand()] },
  { names: ['cancel'], load: async () => [(await import('./cancel.js')).cancelCommand()] },
  { names: ['status'], load: async () => [(await import('./operate.js')).statusCommand()] },
  { names: ['scale'], load: async () => [(await import('./operate.js')).scaleCliCommand()] },
  { names: ['explain'], load: async () => [(await import('./explain/command.js')).explainCommand()] },
  { names: ['demo'], load: async () => [(await import('./demo/command.js')).demoCommand()] },
  { names: ['replay'], load: async () => [(await import('./replay.js')).replayCommand()] },
  { names: ['simulate'], load: async () => [(await import('./simulate.js')).simulateCommand()] },
  { names: ['forecast'], load: async () => [(await import('./forecast.js')).forecastCommand()] },
  { names: ['compare'], load: async () => [(await import('./compare/command.js')).compareCommand()] },
  { names: ['plan'], load: async () => [(await import('./plan/command.js')).planCommand()] },
  { names: ['profile'], load: async () => [(await import('./profile.js')).profileCommand()] },
  { names: ['engine'], load: async () => [(await import('./engine.js')).engineCommand()] },
  { names: ['machines'], load: async () => [(await import('./operate.js')).machinesCliCommand()] },
  { names: ['keys'], load: async () => [(await import('./keys.js')).keysCommand()] },
  { names: ['config'], load: async () => [(await import('./operate.js')).configCommand()] },
  { names: ['doctor'], load: async () => [(await import('./doctor.js')).doctorCommand()] },
  {
    names: ['ingress', 'gateway', 'planner', 'allocator', 'worker'],
    load: async () => (await import('./roles.js')).roleCommands(),
  },
];

/** Commands that run until they are stopped, or own what must be. */
const RUNNING = new Set([
  'up',
  'demo',
  'replay',
  'engine',
  'ingress',
  'gateway',
  'planner',
  'allocator',
  'worker',
]);

/** The `sluice` command. Exit codes: src/contract/errors.ts; 130 after Ctrl-C. */
export async function main(argv: readonly string[], version: string): Promise<void> {
  const program = new Command('sluice')
    .description('SLO-aware global scheduler for LLM inference')
    .version(version)
    .showHelpAfterError('(sluice --help shows the commands)')
    .exitOverride();
  for (const command of await commandsFor(argv[2])) program.addCommand(throwing(command));
  mindReaders(RUNNING.has(argv[2] ?? ''));
  await guarded(async () => {
    try {
      await program.parseAsync([...argv]);
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    }
  });
}

/** Wrong usage throws, of a command within a command too: its exit code is ours to choose. */
function throwing(command: Command): Command {
  for (const inner of command.commands) throwing(inner);
  return command.exitOverride();
}

/**
 * A reader that went away (`sluice ... | head`) is no error. A command that `runs` on is told to stop as by SIGTERM, so
 * that it drains and leaves nothing; what it still says goes nowhere.
 */
function mindReaders(runs: boolean): void {
  let unheard = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (unheard) return;
      if (error.code !== 'EPIPE') throw error;
      // Nothing listens before it has started anything, and after it has stopped all.
      if (!runs || process.listenerCount('SIGTERM') === 0) process.exit(0);
      unheard = true;
      process.kill(process.pid, 'SIGTERM');
    });
  }
}

/** The command that the first argument names; all of them where it names none, for the help. */
async function commandsFor(first: string | undefined): Promise<Command[]> {
  if (first === '--version' || first === '-V') return [];
  const named = COMMANDS.filter(({ names }) => first !== undefined && names.includes(first));
  const loaded = await Promise.all((named.length > 0 ? named : COMMANDS).map(({ load }) => load()));
  return loaded.flat();
}
