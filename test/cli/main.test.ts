import { afterEach, expect, it, vi } from 'vitest';
import { COMMANDS, main } from '../../src/cli/main.js';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

it('each command is found by the names that its module gives it', async () => {
  for (const { names, load } of COMMANDS) {
    const loaded = await load();
    expect(loaded.map((command) => command.name())).toEqual(names);
  }
  expect(new Set(COMMANDS.flatMap(({ names }) => names)).size).toBeGreaterThan(20);
});

it.each([
  'up --bogus',
  'profile fit --bogus',
  'profile fit',
  'profile check --bogus',
  'profile measure',
  'config check',
  'keys create --bogus',
])('wrong usage exits 2: sluice %s', async (line) => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  // What commander does of its own accord.
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exited with ${code}`);
  });
  await main(['node', 'sluice', ...line.split(' ')], '0');
  expect(process.exitCode).toBe(2);
});
