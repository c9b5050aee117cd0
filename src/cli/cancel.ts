import { Command } from 'commander';
import { SluiceError } from '../contract/errors.js';
import { SluiceClient } from '../scheduler/client.js';
import { findSystem } from './system.js';

interface CancelFlags {
  config?: string;
  data?: string;
  pool?: string;
  json?: boolean;
}

/** `sluice cancel ID`: ends a queued or running request, wherever it is; `--pool`: all that a former pool left. */
export function cancelCommand(): Command {
  return new Command('cancel')
    .description('cancel a queued or running request')
    .argument('[id]', 'request id, as submit prints it')
    .option('--pool <name>', 'in place of an id: every open request of a pool that is no longer configured')
    .option('-c, --config <file>', 'configuration of the running system (with REDIS_URL)')
    .option('--data <dir>', 'data folder of the running system')
    .option('--json', 'print {"id", "result"}: cancelled or ended; with --pool {"pool", "cancelled"}')
    .addHelpText('after', '\nExit codes: 0 cancelled, 1 it had ended before, 4 no such request.')
    .action(async (id: string | undefined, flags: CancelFlags) => {
      const { pool } = flags;
      if ((id === undefined) === (pool === undefined)) {
        throw new SluiceError('invalid_request', 'expected a request id or --pool, one of the two');
      }
      const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
      const client = await SluiceClient.open(config, redisUrl);
      try {
        if (id === undefined) {
          const former = pool ?? '';
          const cancelled = await client.cancelFormer(former);
          const line = `${cancelled} requests of pool ${former} are cancelled`;
          process.stdout.write(
            `${flags.json === true ? JSON.stringify({ pool: former, cancelled }) : line}\n`,
          );
          return;
        }
        const result = await client.cancel(id);
        if (result === 'not_found') {
          throw new SluiceError(
            'not_found',
            `no request with id ${JSON.stringify(id)}; ended ones are kept for a while only`,
          );
        }
        const text = result === 'cancelled' ? `${id} is cancelled` : `${id} had ended before`;
        process.stdout.write(`${flags.json === true ? JSON.stringify({ id, result }) : text}\n`);
        process.exitCode = result === 'cancelled' ? 0 : 1;
      } finally {
        await client.close();
      }
    });
}
