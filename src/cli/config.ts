import { assertGuarded } from '../config/guarded.js';
import { checkConfig, defaultConfig, loadConfig } from '../config/load.js';
import { renderConfig } from '../config/show.js';
import { readConfigText } from '../config/source.js';
import type { PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { poolVerdicts } from './feasibility.js';
import { assertProfiles, profileNotes } from './profile-problems.js';

/** Where the commands print; the console in use. */
export interface Printer {
  out(line: string): void;
  error(line: string): void;
}

const CONSOLE: Printer = { out: (line) => console.log(line), error: (line) => console.error(line) };

/**
 * `sluice config check FILE`: says whether a file is valid, with every problem in it, and warns of promises that no engine
 * of its profile can keep.
 * @returns the exit code: 0 valid, 2 not, 4 no such file.
 */
export function configCheck(
  file: string,
  options: { json?: boolean } = {},
  printer: Printer = CONSOLE,
): number {
  try {
    const { config, notes: odd } = checkConfig(readConfigText(file), file);
    assertGuarded(config.gateway);
    assertProfiles(config);
    const notes = [...odd, ...profileNotes(config)];
    const feasibility = poolVerdicts(config);
    if (options.json === true) {
      printer.out(JSON.stringify({ valid: true, notes, errors: [], feasibility }, null, 2));
    } else {
      for (const note of notes) printer.error(`note: ${note}`);
      for (const { pool, feasible, sentence } of feasibility) {
        if (!feasible) printer.error(`warning: pools.${pool}: ${sentence}`);
      }
      printer.out(`${file}: valid: ${Object.values(config.pools).map(summary).join('; ')}`);
    }
    return 0;
  } catch (caught) {
    const error = SluiceError.from(caught);
    if (error.code !== 'invalid_config' && error.code !== 'not_found') throw error;
    if (options.json === true) {
      printer.out(JSON.stringify({ valid: false, notes: [], errors: error.message.split('\n') }, null, 2));
    } else printer.error(error.message);
    return error.exitCode;
  }
}

/**
 * `sluice config show [FILE]`: the effective configuration, of a file or of the presets, as commented YAML that
 * loads again, or as JSON (the typed Config).
 * @returns the exit code: 0, or 2 when the file is not valid.
 */
export function configShow(
  file: string | undefined,
  options: { json?: boolean } = {},
  printer: Printer = CONSOLE,
): number {
  try {
    const config = file === undefined ? defaultConfig() : loadConfig(file);
    printer.out(options.json === true ? JSON.stringify(config, null, 2) : renderConfig(config).trimEnd());
    return 0;
  } catch (caught) {
    const error = SluiceError.from(caught);
    if (error.code !== 'invalid_config' && error.code !== 'not_found') throw error;
    printer.error(error.message);
    return error.exitCode;
  }
}

function summary(pool: PoolConfig): string {
  const { decode } = pool.tensorParallelism;
  return `${pool.name} (level ${pool.level}, ${pool.gpuBudget.ceiling} GPUs, TP ${decode}, TTFT ${pool.targets.ttftSeconds} s, ITL ${pool.targets.itlSeconds} s)`;
}
