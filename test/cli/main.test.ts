import { expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/main.js';

it('each command is found by the names that its module gives it', async () => {
  for (const { names, load } of COMMANDS) {
    const loaded = await load();
    expect(loaded.map((command) => command.name())).toEqual(names);
  }
  expect(new Set(COMMANDS.flatMap(({ names }) => names)).size).toBeGreaterThan(20);
});
