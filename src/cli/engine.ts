import { Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../contract/errors.js';
import { faultsSchema } from '../engines/sim-server/faults.js';
import { type SimServerOptions, startSimServer } from '../engines/sim-server/server.js';
import { loadProfile } from '../profile/load.js';

interface EngineFlags {
  sim?: boolean;
  host: string;
  port: number;
  servedModelName?: string;
  tensorParallelSize: number;
  gpuMemoryUtilization: number;
  maxNumSeqs: number;
  maxNumBatchedTokens: number;
  enablePrefixCaching: boolean;
  seed: number;
  apiKey?: string;
  profile: string;
  coldStart: number;
  kvKeep: number;
  errorRate: number;
  hangRate: number;
  cutRate: number;
  slow: number;
  crashAfter?: number;
}

/** `sluice engine --sim`: the sim engine as an OpenAI-compatible server; flags of `vllm serve` keep their names. */
export function engineCommand(): Command {
  return new Command('engine')
    .description('run an inference engine: --sim serves the simulated one over the OpenAI API, as vLLM would')
    .argument('[model]', 'name of the model (default: that of the profile)')
    .option('--sim', 'the simulated engine (the only one that is built in)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0: a free one', numberFrom(0, 65_535, true), 8000)
    .option('--served-model-name <name>', 'name that clients use, in place of the model')
    .option('--tensor-parallel-size <n>', 'GPUs that it stands for', numberFrom(1, 64, true), 1)
    .option('--gpu-memory-utilization <share>', 'sets the KV blocks', numberFrom(0.01, 1), 0.9)
    .option('--max-num-seqs <n>', 'most sequences in one batch', numberFrom(1, 65_536, true), 256)
    .option('--max-num-batched-tokens <n>', 'token budget of one step', numberFrom(16, 1_048_576, true), 2048)
    .option('--no-enable-prefix-caching', 'compute every prompt in full')
    .option('--seed <n>', 'of the text and of the faults', numberFrom(0, 4_294_967_295, true), 1)
    .option('--api-key <key>', 'refuse requests without this bearer token')
    .option('--profile <name>', 'performance profile: a built-in or a file', 'llama-3.1-8b-fp8-h100')
    .option('--cold-start <seconds>', 'until /health is 200', numberFrom(0, 86_400), 0)
    .option('--kv-keep <seconds>', 'KV of a prefill waits so long for its decode', numberFrom(0, 86_400), 60)
    .option('--error-rate <share>', 'fault: requests answered with a 500', numberFrom(0, 1), 0)
    .option('--hang-rate <share>', 'fault: requests never answered', numberFrom(0, 1), 0)
    .option('--cut-rate <share>', 'fault: streams cut after some tokens', numberFrom(0, 1), 0)
    .option('--slow <factor>', 'fault: everything takes so many times as long', numberFrom(0.01, 1000), 1)
    .option('--crash-after <seconds>', 'fault: dies like a crash', numberFrom(0, 86_400))
    .addHelpText(
      'after',
      `
Examples:
  sluice engine --sim --port 8000 --cold-start 5
  curl localhost:8000/v1/completions -H 'content-type: application/json' -d '{"prompt": "Hi", "max_tokens": 5}'
  curl localhost:8000/sim/faults -H 'content-type: application/json' -d '{"cutRate": 0.2}'
docs/engines.md has the endpoints and the faults.`,
    )
    .action((model: string | undefined, flags: EngineFlags) => serve(model, flags));
}

async function serve(model: string | undefined, flags: EngineFlags): Promise<void> {
  if (flags.sim !== true) {
    throw new SluiceError(
      'invalid_request',
      'expected --sim: it is the only built-in engine; a pool starts others by engine.command (docs/engines.md)',
    );
  }
  const server = await startSimServer(optionsOf(model, flags));
  process.stdout.write(`sim engine at ${server.url}, ready in ${flags.coldStart} s\n`);
  server.ready.then(
    () => process.stdout.write('ready\n'),
    () => {},
  );
  if (flags.crashAfter !== undefined) setTimeout(crash, flags.crashAfter * 1000);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await server.close();
}

function optionsOf(model: string | undefined, flags: EngineFlags): SimServerOptions {
  const profile = loadProfile(flags.profile);
  const { errorRate, hangRate, cutRate, slow } = flags;
  return {
    model: flags.servedModelName ?? model ?? profile.model,
    host: flags.host,
    port: flags.port,
    profile,
    tp: flags.tensorParallelSize,
    gpuMemoryUtilization: flags.gpuMemoryUtilization,
    engine: {
      kind: 'sim',
      profile: flags.profile,
      coldStartSeconds: flags.coldStart,
      maxSequences: flags.maxNumSeqs,
      maxBatchedTokens: flags.maxNumBatchedTokens,
      prefixCache: flags.enablePrefixCaching,
      seed: flags.seed,
    },
    apiKey: flags.apiKey ?? null,
    faults: faultsSchema.parse({ errorRate, hangRate, cutRate, slow }),
    handoverMs: flags.kvKeep * 1000,
    crash,
  };
}

function crash(): void {
  process.kill(process.pid, 'SIGKILL');
}

function numberFrom(min: number, max: number, whole = false): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value)))
      return value;
    throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
  };
}
