import { Command, CommanderError } from 'commander';
import { cancelCommand } from './cancel.js';
import { compareCommand } from './compare/command.js';
import { demoCommand } from './demo/command.js';
import { doctorCommand } from './doctor.js';
import { engineCommand } from './engine.js';
import { explainCommand } from './explain/command.js';
import { forecastCommand } from './forecast.js';
import { keysCommand } from './keys.js';
import { configCommand, machinesCliCommand, scaleCliCommand, statusCommand } from './operate.js';
import { planCommand } from './plan/command.js';
import { profileCommand } from './profile.js';
import { replayCommand } from './replay.js';
import { roleCommands } from './roles.js';
import { simulateCommand } from './simulate.js';
import { submitCommand } from './submit.js';
import { guarded, upCommand } from './up.js';

/** The `sluice` command. Exit codes: src/contract/errors.ts; 130 after Ctrl-C. */
export async function main(argv: readonly string[], version: string): Promise<void> {
  const program = new Command('sluice')
    .description('SLO-aware global scheduler for LLM inference')
    .version(version)
    .showHelpAfterError('(sluice --help shows the commands)')
    .exitOverride();
  const commands = [
    upCommand(),
    submitCommand(),
    cancelCommand(),
    statusCommand(),
    scaleCliCommand(),
    explainCommand(),
    demoCommand(),
    replayCommand(),
    simulateCommand(),
    forecastCommand(),
    compareCommand(),
    planCommand(),
    profileCommand(),
    engineCommand(),
    machinesCliCommand(),
    keysCommand(),
    configCommand(),
    doctorCommand(),
    ...roleCommands(),
  ];
  for (const command of commands) program.addCommand(command.exitOverride());
  // A reader that went away (sluice ... | head) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  await guarded(async () => {
    try {
      await program.parseAsync([...argv]);
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    }
  });
}
