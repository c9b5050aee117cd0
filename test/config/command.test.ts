import { expect, it } from 'vitest';
import { COMMAND_PLACEHOLDERS, commandWords, splitCommand } from '../../src/config/command.js';
import { parseConfig } from '../../src/config/load.js';

const values = Object.fromEntries(Object.keys(COMMAND_PLACEHOLDERS).map((name) => [name, `<${name}>`]));

it.each([
  ['vllm serve m', ['vllm', 'serve', 'm']],
  ["a  'b c' \"d \\\" e\" f\\ g ''", ['a', 'b c', 'd " e', 'f g', '']],
  ['a --x="b c"d', ['a', '--x=b cd']],
  ['"a', 'expected a closing "'],
  ['  ', 'expected a program'],
])('splits %s as a shell would', (command, words) => {
  expect(splitCommand(command)).toEqual(words);
});

it('fills placeholders in after the split, and leaves JSON and what a shell would expand alone', () => {
  const command = `vllm serve {model} --tp {tp} --c '{"kv_role":"kv_both"}' $HOME \`x\` --port={port}`;
  expect(commandWords(command, values as never)).toEqual([
    'vllm',
    'serve',
    '<model>',
    '--tp',
    '<tp>',
    '--c',
    '{"kv_role":"kv_both"}',
    '$HOME',
    '`x`',
    '--port=<port>',
  ]);
});

it('reads an engine of kind openai: addresses lose /v1, a command reckons with a long cold start', () => {
  const pools = parseConfig(
    `default_level: low
pools:
  high: { engine: { kind: openai, urls: [http://a:1/v1/, "http://{host}:80{gpu}"] } }
  low: { engine: { kind: openai, command: "vllm serve {model} --port {port}" } }`,
    'f.yaml',
  ).pools;
  expect(pools.high?.engine).toMatchObject({
    kind: 'openai',
    urls: ['http://a:1', 'http://{host}:80{gpu}'],
    coldStartSeconds: 1,
    retries: 2,
  });
  expect(pools.low?.engine).toMatchObject({ urls: null, coldStartSeconds: 120, servedModel: null });
});
