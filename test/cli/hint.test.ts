import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { DEFAULT_DATA_DIR } from '../../src/cli/up/data-dir.js';
import { hint } from '../../src/cli/up/hint.js';

const base = { dataDir: resolve(DEFAULT_DATA_DIR), configFile: null, redisGiven: false, level: 'high' };

it('needs nothing where the data folder is the default one', () => {
  expect(hint({ ...base, configFile: 'c.yaml' })).toMatch(
    /^try: sluice submit --slo high ".*" {4}sluice status --watch {4}/,
  );
});

it('names another data folder, as a shell reads it', () => {
  const line = hint({ ...base, dataDir: "/it's a/b" });
  expect(line).toContain(`sluice submit --data '/it'\\''s a/b' --slo high`);
  expect(line).toContain(`sluice status --data '/it'\\''s a/b' --watch`);
});

it('names REDIS_URL and the configuration where they lead to the system', () => {
  const line = hint({ ...base, dataDir: '/d', configFile: 'c.yaml', redisGiven: true, level: 'gold' });
  expect(line).toContain('sluice submit -c c.yaml --slo gold');
  expect(line).toContain('with the same REDIS_URL');
  expect(line).not.toContain('--data');
});
