import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareCommand } from '../../src/cli/compare/command.js';
import { demoCommand } from '../../src/cli/demo/command.js';
import { forecastCommand } from '../../src/cli/forecast.js';
import { planCommand } from '../../src/cli/plan/command.js';
import { replayCommand } from '../../src/cli/replay.js';
import { checkOutput } from '../../src/cli/report/output.js';
import { simulateCommand } from '../../src/cli/simulate.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-output-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a look at where a result will go', () => {
  it('leaves what is there as it is, and nothing where nothing was', async () => {
    const file = join(folder, 'kept');
    await writeFile(file, 'kept');
    checkOutput(file);
    expect(await readFile(file, 'utf8')).toBe('kept');
    checkOutput(join(folder, 'new'));
    expect(existsSync(join(folder, 'new'))).toBe(false);
    checkOutput('/dev/null');
    const link = join(folder, 'link');
    await symlink(join(folder, 'later'), link);
    checkOutput(link);
    expect([await readlink(link), existsSync(join(folder, 'later'))]).toEqual([join(folder, 'later'), false]);
  });

  it('throws where it cannot be written', async () => {
    const wrong = { code: 'invalid_request', message: expect.stringMatching(/^expected a file that can be/) };
    expect(() => checkOutput(folder)).toThrow(expect.objectContaining(wrong));
    expect(() => checkOutput(join(folder, 'none', 'x'))).toThrow(expect.objectContaining(wrong));
    if (process.getuid?.() === 0) return;
    const file = join(folder, 'mine');
    await writeFile(file, '');
    await chmod(file, 0o400);
    expect(() => checkOutput(file)).toThrow(expect.objectContaining(wrong));
  });
});

// What they read does not exist either: that they do not get so far shows that they looked first.
it.each([
  [replayCommand, ['none.csv', '--format', 'azure', '--report']],
  [simulateCommand, ['none.csv', '--format', 'azure', '--report']],
  [simulateCommand, ['none.csv', '--format', 'azure', '--series']],
  [simulateCommand, ['none.csv', '--format', 'azure', '--records']],
  [compareCommand, ['none.yaml', '--report']],
  [planCommand, ['none.csv', '--format', 'azure', '--slo', 'high', '--report']],
  [forecastCommand, ['none.csv', '--format', 'azure', '--plot']],
  [demoCommand, ['--report']],
  [demoCommand, ['--records']],
])('%o refuses an output that cannot be written before any work', async (make, args) => {
  const command = make().exitOverride();
  const file = join(folder, 'none', 'x.svg');
  await expect(command.parseAsync([...args, file], { from: 'user' })).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining(`expected a file that can be written at ${file}`),
  });
});
