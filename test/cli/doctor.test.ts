import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { doctorCommand } from '../../src/cli/doctor.js';
import { upCommand } from '../../src/cli/up.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
});

function fileWith(text: string): string {
  const file = join(folder, 'f.yaml');
  writeFileSync(file, text);
  return file;
}

/** What doctor found, by the name of the check, and its exit code. */
async function doctor(file: string): Promise<{ found: Record<string, string>; code: unknown }> {
  const { out, code } = await printed(doctorCommand(), '-c', file, '--data', join(folder, 'data'), '--json');
  const checks: { name: string; ok: boolean; found: string }[] = JSON.parse(out);
  const found = checks.map(({ name, ok, found }) => [name, `${ok ? 'ok' : 'WRONG'} ${found}`]);
  return { found: Object.fromEntries(found), code };
}

const MISSING =
  'pools: { high: { engine: { kind: sim, profile: ./nope.json } }, low: {} }\ndefault_level: low';
const DEGREE =
  'pools: { high: { engine: { profile: generate:llama-3.1-8b/h100/fp8 }, tensor_parallelism: 3 }, low: {} }\ndefault_level: low';

describe('a configuration whose profile lacks what a pool asks', () => {
  it.each([
    ['no file', MISSING, /^WRONG .*pools\.high: .*nope\.json: cannot read the profile file/],
    [
      'no such degree',
      DEGREE,
      /^WRONG .*pools\.high: tensor_parallelism\.\w+: expected a degree of .*, got 3$/,
    ],
  ])('fails the check of doctor, which still judges the other pools: %s', async (_, text, why) => {
    const { found, code } = await doctor(fileWith(text));
    expect(found.configuration).toMatch(why);
    expect(Object.keys(found).filter((name) => name.startsWith('pool '))).toEqual(['pool low']);
    expect(code).toBe(1);
  });

  it.each([MISSING, DEGREE])('is refused by up before anything is started: %s', async (text) => {
    const data = join(folder, 'never');
    const up = upCommand().parseAsync(['node', 'up', '-c', fileWith(text), '--data', data]);
    await expect(up).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('pools.high: '),
    });
    expect(existsSync(data)).toBe(false);
  });
});

it('a gateway without keys that other machines could reach: doctor tells, and up starts nothing', async () => {
  const file = fileWith('pools: { medium: {} }\ngateway: { auth: none, host: 0.0.0.0 }\n');
  expect((await doctor(file)).found.configuration).toMatch(/^WRONG gateway\.host: .* got 0\.0\.0\.0; set/);
  const data = join(folder, 'never');
  const up = upCommand().parseAsync(['node', 'up', '-c', file, '--data', data]);
  const message = expect.stringContaining('gateway.host: expected a loopback address');
  await expect(up).rejects.toMatchObject({ code: 'invalid_config', message });
  expect(existsSync(data)).toBe(false);
});

it('fails the check of an engine whose program is not on this machine', async () => {
  const engine = (command: string) => `{ engine: { kind: openai, command: '${command} --port {port}' } }`;
  const pools = `{ high: ${engine('/no/such/vllm serve')}, medium: ${engine('no-such-vllm')}, low: ${engine('node x.js')} }`;
  const { found, code } = await doctor(fileWith(`pools: ${pools}`));
  expect(found['engine high']).toMatch(/^WRONG pools\.high: engine\.command: .* \/no\/such\/vllm there/);
  expect(found['engine medium']).toMatch(/^WRONG .* no-such-vllm on PATH/);
  expect(found['engine low']).toMatch(/^ok .*\/node$/);
  expect(code).toBe(1);
});
