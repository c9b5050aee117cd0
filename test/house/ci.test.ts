import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const TEST_COMMAND = 'npm ci && npm test';

describe('.ci/run', () => {
  it('is a bash script that stops at the first failure', () => {
    accessSync(path('.ci/run'), constants.X_OK);
    expect(spawnSync('bash', ['-n', path('.ci/run')]).status).toBe(0);
    expect(readFileSync(path('.ci/run'), 'utf8')).toContain('set -euo pipefail');
  });

  it("installs, verifies, and runs the README's test command", () => {
    const steps = readFileSync(path('.ci/run'), 'utf8').matchAll(/^step (.+)$/gm);
    expect([...steps].map(([, command]) => command)).toEqual([
      'npm ci',
      'npm run verify',
      'npm test -- --retry=1',
    ]);
    const commands = readFileSync(path('README.md'), 'utf8')
      .split('\n')
      .map((line) =>
        line
          .trim()
          .replace(/^\$ /, '')
          .replace(/\s+#.*$/, ''),
      );
    expect(commands).toContain(TEST_COMMAND);
  });
});

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ optionalDependencies: z.record(z.string(), z.string()).optional() }),
  ),
});

describe('package-lock.json', () => {
  // npm refuses `npm ci` otherwise. A lockfile loses such packages where the registry lags behind with some platforms.
  it('has the optional packages of every platform', () => {
    const { packages } = lockSchema.parse(JSON.parse(readFileSync(path('package-lock.json'), 'utf8')));
    const locked = Object.keys(packages);
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !locked.some((at) => at.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
});
