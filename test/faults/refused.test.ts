import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-refused-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

it('a role whose configuration is wrong ends sluice up with its message and exit code 2', async () => {
  const file = join(dataDir, 'f.yaml');
  // Only the gateway reads these files.
  await writeFile(file, 'pools: { medium: {} }\ngateway: { port: 0, tls: { cert: no.pem, key: no.pem } }\n');
  const args = [SLUICE, 'up', '-c', file, '--data', dataDir];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 90_000 });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^sluice: invalid_config: sluice gateway: gateway\.tls\.cert: expected a readable/m);
  expect(stdout).not.toContain('starting it again');
  expect(await readdir(dataDir)).not.toContain('run.json');
});
