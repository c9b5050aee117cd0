import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { configCheck, configShow, type Printer } from '../../src/cli/config.js';
import { defaultConfig, loadConfig, parseConfig } from '../../src/config/load.js';
import { ownProfile } from '../profile/tables/support.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const example = (name: string) =>
  fileURLToPath(new URL(`../../examples/llm/configs/${name}`, import.meta.url));

function printed(): Printer & { text: string; errors: string } {
  return {
    text: '',
    errors: '',
    out(line) {
      this.text += `${line}\n`;
    },
    error(line) {
      this.errors += `${line}\n`;
    },
  };
}

function fileWith(text: string): string {
  const file = join(folder, 'f.yaml');
  writeFileSync(file, text);
  return file;
}

describe('config check', () => {
  it.each(['global_scheduler_demo.yaml', 'dynamo_style.yaml'])('accepts %s', (name) => {
    const printer = printed();
    expect(configCheck(example(name), {}, printer)).toBe(0);
    expect(printer.text).toContain('valid: high (level high, 4 GPUs, TP 2, TTFT 0.3 s, ITL 0.03 s); medium');
    expect(printer.errors).toBe('');
  });

  it('prints every problem and exits 2', () => {
    const printer = printed();
    const file = fileWith('pools:\n  high:\n    ttft: 300\n    gpus: 3\n');
    expect(configCheck(file, {}, printer)).toBe(2);
    expect(printer.errors.trim().split('\n')).toEqual([
      expect.stringContaining(`${file}:3:5: pools.high.ttft: expected`),
      expect.stringContaining(`${file}:4:5: pools.high.gpus: unknown field`),
    ]);
    expect(printer.text).toBe('');
  });

  it('refuses a gateway without keys that other machines could reach', () => {
    const printer = printed();
    const file = fileWith('pools: { medium: {} }\ngateway: { auth: none, host: 0.0.0.0 }\n');
    expect(configCheck(file, {}, printer)).toBe(2);
    expect(printer.errors).toMatch(/^gateway\.host: expected a loopback address .* set gateway\.auth: keys/);
    expect(configCheck(fileWith('pools: { medium: {} }\ngateway: { auth: keys, host: 0.0.0.0 }\n'))).toBe(0);
  });

  it('prints JSON when asked, for valid and for wrong files', () => {
    const wrong = printed();
    expect(configCheck(fileWith('pools: 3'), { json: true }, wrong)).toBe(2);
    expect(JSON.parse(wrong.text)).toMatchObject({
      valid: false,
      errors: [expect.stringContaining('pools:')],
    });
    const right = printed();
    expect(configCheck(fileWith('pools: { medium: { max_workers: 9 } }'), { json: true }, right)).toBe(0);
    expect(JSON.parse(right.text)).toMatchObject({
      valid: true,
      notes: [expect.stringContaining('max_workers')],
    });
  });

  it('warns of a promise that no engine of the profile keeps, and says what would do', () => {
    const file = fileWith('pools: { high: { ttft: 0.02 }, low: {} }\ndefault_level: low');
    const printer = printed();
    expect(configCheck(file, {}, printer)).toBe(0);
    expect(printer.errors).toMatch(
      /^warning: pools\.high: infeasible: unloaded TTFT \S+ s against 0\.02 s .* would do\n$/,
    );
    const json = printed();
    expect(configCheck(file, { json: true }, json)).toBe(0);
    expect(JSON.parse(json.text).feasibility).toMatchObject([
      { pool: 'high', feasible: false },
      { pool: 'low', feasible: true },
    ]);
  });

  it('finds what the profile does not have', () => {
    const printer = printed();
    const file = fileWith(
      'pools: { high: { tensor_parallelism: { decode: 3 } }, low: { engine: { profile: nope } } }\ndefault_level: low',
    );
    expect(configCheck(file, {}, printer)).toBe(2);
    expect(printer.errors).toContain('pools.high: tensor_parallelism.decode: expected a degree of profile');
    expect(printer.errors).toContain('pools.low: ');
    expect(printer.errors).toContain('nope');
  });

  it('notes a profile whose law misses its own points', () => {
    const profile = ownProfile();
    profile.prefill.ttft_ms = [9, 300, 20, 800];
    writeFileSync(join(folder, 'poor.json'), JSON.stringify(profile));
    const file = fileWith(
      'pools: { low: { engine: { profile: ./poor.json }, ttft: 9 } }\ndefault_level: low',
    );
    const printer = printed();
    expect(configCheck(file, {}, printer)).toBe(0);
    expect(printer.errors).toMatch(
      /note: pools\.low: engine\.profile: poor: the law of TTFT misses its own points by \d+ %/,
    );
  });

  it('notes a profile that was fitted to so few points that its law is one of many', () => {
    const profile = ownProfile();
    const two = { isl: [100, 8000], ttft_ms: [12, 170], thpt_per_gpu: [8333, 47_058] };
    writeFileSync(join(folder, 'thin.json'), JSON.stringify({ ...profile, prefill: two }));
    const file = fileWith(
      'pools: { low: { engine: { profile: ./thin.json }, ttft: 9 } }\ndefault_level: low',
    );
    const printer = printed();
    expect(configCheck(file, {}, printer)).toBe(0);
    expect(printer.errors).toContain('note: pools.low: engine.profile: thin: 2 prompt lengths are too few');
  });

  it('tells a missing file without a stack trace', () => {
    const printer = printed();
    expect(configCheck(join(folder, 'missing.yaml'), {}, printer)).toBe(4);
    expect(printer.errors).toBe(
      `${join(folder, 'missing.yaml')}: cannot read this file (there is no such file)\n`,
    );
  });
});

describe('config show', () => {
  it('prints the presets as YAML that loads again to the same Config', () => {
    const printer = printed();
    expect(configShow(undefined, {}, printer)).toBe(0);
    expect(parseConfig(printer.text, 'shown')).toEqual({ ...defaultConfig(), source: 'shown' });
  });

  it('prints what a file comes to, as YAML or JSON', () => {
    const file = example('dynamo_style.yaml');
    const [yaml, json] = [printed(), printed()];
    expect([configShow(file, {}, yaml), configShow(file, { json: true }, json)]).toEqual([0, 0]);
    expect(parseConfig(yaml.text, file)).toEqual(loadConfig(file));
    expect(JSON.parse(json.text)).toEqual(loadConfig(file));
  });

  it('exits 2 for a wrong file', () => {
    const printer = printed();
    expect(configShow(fileWith('a: 1'), {}, printer)).toBe(2);
    expect(printer.errors).toContain('a: unknown field');
  });

  it('shows presets whose profiles can be loaded and have their degrees', () => {
    const shown = printed();
    configShow(undefined, {}, shown);
    expect(configCheck(fileWith(shown.text), {}, printed())).toBe(0);
  });
});
