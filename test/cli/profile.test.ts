import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { profileCommand } from '../../src/cli/profile.js';
import { loadProfile } from '../../src/profile/load.js';
import { sweptProfile } from '../profile/tables/support.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-profile-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
});

const measured = join(folder, 'measured.json');
writeFileSync(measured, JSON.stringify(sweptProfile({ computed: true })));

async function profile(...args: string[]): Promise<{ out: string; code: unknown }> {
  return printed(profileCommand(), ...args);
}

describe('sluice profile', () => {
  it('fit tells how the points were measured, and answers inside and outside them', async () => {
    const { out } = await profile(
      'fit',
      measured,
      '--isl',
      '2000',
      '--isl',
      '9000',
      '--batch',
      '5',
      '--context',
      '2000',
    );
    expect(out).toContain('sweep: prompts were computed while others decoded');
    expect(out).toMatch(/TTFT of 2000 tokens: 50 ms \(interpolated\), law 50 ms\n/);
    expect(out).toMatch(
      /TTFT of 9000 tokens: 170 ms \(OUTSIDE what was measured, nearest point\), law 190 ms \(extrapolated\)/,
    );
    expect(out).toMatch(
      /ITL of 5 sequences of 2000 tokens: \S+ ms \(interpolated, prompts included\), law 4\.45 ms/,
    );
  });

  it('fit writes a profile that loads again', async () => {
    const file = join(folder, 'fitted.json');
    await profile('fit', measured, '--out', file);
    expect(loadProfile(file).tp[1]?.itl[0]).toBeCloseTo(0.004, 9);
    await expect(profile('fit', measured, '--out', join(folder, 'no/such/f.json'))).rejects.toThrow(
      'cannot be written',
    );
  });

  it('fit wants batch and context together', async () => {
    await expect(profile('fit', measured, '--batch', '5')).rejects.toThrow('--batch and --context together');
  });

  it('check drives the sim engine through the sweep and exits 0 within 8 %, 1 beyond', async () => {
    const own = await profile('check', measured);
    expect(own.out).toMatch(/measured\s+1\s+computed\s+0\.\d % \(4\)/);
    expect([own.out.includes('8.0 % for TTFT and ITL: reached'), own.code]).toEqual([true, 0]);
    const other = await profile(
      'check',
      measured,
      '--profile',
      'generate:llama-3.3-70b/h100/fp8',
      '--points',
    );
    expect([other.out.includes('missed'), other.code]).toEqual([true, 1]);
    expect(other.out).toMatch(/measured\s+TTFT\s+100\s+1\s+12\.00/);
  });

  it('generate prints laws, writes a profile and tells what it was not calibrated for', async () => {
    const file = join(folder, 'generated.json');
    const { out } = await profile(
      'generate',
      '--model',
      'llama-3.1-8b',
      '--gpu',
      'a100',
      '--dtype',
      'fp8',
      '--tp',
      '1,2',
      '--out',
      file,
    );
    expect(out).toContain('has no FP8 arithmetic');
    expect(Object.keys(loadProfile(file).tp)).toEqual(['1', '2']);
    const { out: json } = await profile(
      'generate',
      '--model',
      'llama-3.1-8b',
      '--gpu',
      'h100',
      '--dtype',
      'fp8',
      '--json',
    );
    expect(JSON.parse(json)).toEqual(loadProfile('generate:llama-3.1-8b/h100/fp8'));
  });

  it('generate reads a config.json and takes its folder for the name', async () => {
    const file = join(folder, 'config.json');
    const config = {
      hidden_size: 2048,
      intermediate_size: 8192,
      num_attention_heads: 32,
      num_key_value_heads: 8,
    };
    writeFileSync(
      file,
      JSON.stringify({ ...config, num_hidden_layers: 16, head_dim: 64, vocab_size: 128256 }),
    );
    const { out } = await profile('generate', '--model', file, '--gpu', 'l40s', '--json');
    expect(JSON.parse(out)).toMatchObject({ kvBytesPerToken: 2 * 16 * 512 * 2, gpu: 'L40S 48 GB' });
    await expect(profile('generate', '--model', join(folder, 'none.json'), '--gpu', 'h100')).rejects.toThrow(
      'found no file',
    );
  });

  it('generate says what is missing, and --validate what a folder lacks', async () => {
    await expect(profile('generate', '--model', 'llama-3.1-8b')).rejects.toThrow('expected --gpu');
    await expect(profile('generate', '--validate', join(folder, 'none'))).rejects.toThrow(
      'expected a folder',
    );
    await expect(profile('generate', '--validate', tmpdir())).rejects.toThrow(
      /expected at least two measured tables|expected/,
    );
  });
});
