import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { measureCommand } from '../../src/cli/profile/measure/command.js';
import { Probe } from '../../src/cli/profile/measure/probe.js';
import { steadyBatch } from '../../src/cli/profile/measure/steady.js';
import { sweep } from '../../src/cli/profile/measure/sweep.js';
import { NO_FAULTS } from '../../src/engines/sim-server/faults.js';
import type { SimServer } from '../../src/engines/sim-server/server.js';
import { itlSeconds, ttftSeconds } from '../../src/profile/law.js';
import { measuredProfile } from '../../src/profile/measured.js';
import { readTable } from '../../src/profile/tables/read.js';
import { closeOpened, events, fakeServer, finish, opened, text, usage } from '../support/openai-engine.js';
import { printed } from '../support/printed.js';
import { roundProfile } from '../support/profiles.js';
import { simServer } from '../support/sim-server.js';

describe('the steady part of a batch', () => {
  it('is from the last first token to the first last one', () => {
    const times = [
      [0, 2, 4, 6, 8, 10, 12, 14, 16],
      [7, 9, 11, 13, 15, 17, 19],
      [-5, 5, 7, 10, 13, 16, 19, 22],
    ];
    // From 7 to 16: gaps of 2 ms (8 to 16), 2 ms (7 to 15), 3 ms (7 to 16; the 5 ms before do not count).
    // Made in the middle: 4 + 5 / 2, 0 + 5 / 2, 2 + 4 / 2, but four points are too few.
    expect(steadyBatch(times)).toBeNull();
    expect(steadyBatch([...times.slice(0, 2), [-5, 5, 7, 9, 11, 13, 16, 19]])).toEqual({
      itlMs: (2 + 2 + 9 / 4) / 3,
      made: (6.5 + 2.5 + 4.5) / 3,
    });
  });

  it('is none where sequences ran one after another', () => {
    expect(
      steadyBatch([
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ]),
    ).toBeNull();
    expect(steadyBatch([[], [1, 2]])).toBeNull();
  });
});

describe('a sweep of a sim engine', () => {
  /** Everything takes so many times as long, so that what HTTP and this machine add weighs little. */
  const SLOW = 15;
  let server: SimServer;
  let probe: Probe;
  beforeAll(async () => {
    server = await simServer({ gpuMemoryUtilization: 0.3, faults: { ...NO_FAULTS, slow: SLOW } });
    probe = await Probe.open({ url: server.url, model: 'm', apiKey: null, seed: 1, limitSeconds: 30 });
  });
  afterAll(async () => {
    await probe.close();
    await server.close();
  });

  it('gives its profile back: ITL within 5 %, TTFT within 5 % and what HTTP adds', async () => {
    const told: string[] = [];
    const found = await sweep(
      probe,
      {
        isl: [1600, 200, 800, 60_000],
        repeats: 3,
        concurrency: [1, 16],
        context: [100, 800],
        window: 12,
        kvTokens: probe.kvTokens,
        gpus: 1,
      },
      (line) => told.push(line),
    );
    expect(found.prefill.isl).toEqual([200, 800, 1600]);
    expect(told).toHaveLength(3 + 4);
    expect(found.skipped).toEqual([expect.stringContaining('prompts of 60000 tokens')]);
    const bytes = Buffer.from(JSON.stringify({ prefill: found.prefill, decode: found.decode }));
    const profile = measuredProfile([readTable('measured', [{ name: 'measured', bytes }])]);
    // A TTFT has what HTTP and a busy machine add to it, 30 ms at most here; an ITL does not.
    for (const isl of [200, 800, 1600]) {
      const [measured, given] = [ttftSeconds(profile, 1, isl), SLOW * ttftSeconds(roundProfile, 1, isl)];
      expect(measured).toBeGreaterThan(0.95 * given);
      expect(measured).toBeLessThan(1.05 * given + 0.03);
    }
    for (const batch of [1, 4, 16]) {
      const kv = batch * 500;
      const [measured, given] = [
        itlSeconds(profile, 1, batch, kv),
        SLOW * itlSeconds(roundProfile, 1, batch, kv),
      ];
      expect(Math.abs(measured / given - 1)).toBeLessThan(0.05);
    }
  });
});

describe('sluice profile measure', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-measure-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    await closeOpened();
  });

  /** Everything takes a millisecond, so that no law follows what is measured. */
  async function anyServer() {
    const server = await fakeServer((response, { body }) => {
      const counted = (n: number) => usage(n, String(body.prompt).split(' ').length);
      events(response);
      const most = Number(body.max_tokens);
      for (let n = 1; n <= most; n++) events(response, text('a', counted(n)));
      events(response, finish('length', counted(most)), '[DONE]').end();
    });
    opened.push(server);
    return server;
  }

  async function measure(...args: string[]): Promise<string> {
    return (await printed(measureCommand(), ...args)).out;
  }

  it('takes prompts of any length', async () => {
    const { url } = await anyServer();
    const probe = await Probe.open({ url, model: 'm', apiKey: null, seed: 1, limitSeconds: 30 });
    expect((await probe.alone(200_000)).isl).toBe(200_000);
    await probe.close();
  });

  it('refuses an address or a path that will not do before it measures anything', async () => {
    const { url, seen } = await anyServer();
    await expect(measure('--url', 'notaurl')).rejects.toMatchObject({ code: 'invalid_request' });
    for (const out of [folder, join(folder, 'no/such/x.json')])
      await expect(measure('--url', url, '--out', out)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(seen).toEqual([]);
  });

  it('keeps what it measured where no law follows it', async () => {
    const { url } = await anyServer();
    const out = join(folder, 'kept.json');
    const plan = ['--isl', '64,128', '--repeats', '1', '--concurrency', '1', '--context', '64'];
    const more = ['--window', '8', '--kv-tokens', '100000', '--out', out];
    await expect(measure('--url', url, ...plan, ...more)).rejects.toMatchObject({ code: 'invalid_config' });
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ prefill: { isl: [64, 128] } });
  });
});
