import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sluice-imports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** File -> what it imports. */
const TREE: Record<string, string[]> = {
  'src/contract/a.ts': [],
  'src/contract/up.ts': ['../config/ok.js'],
  'src/config/ok.ts': ['../contract/a.js', 'node:fs'],
  'src/planning/ok.ts': ['../config/ok-types.js', '../profile/law.js'],
  'src/config/ok-types.ts': [],
  'src/profile/law.ts': [],
  'src/profile/load.ts': ['node:fs'],
  'src/planning/reads.ts': ['node:fs'],
  'src/forecast/reads-by-another.ts': ['../config/ok.js'],
  'src/admission/redis.ts': ['ioredis'],
  'src/gpu/core/up.ts': ['../ledger.js'],
  'src/gpu/ledger.ts': ['../queues/ok.js', 'ioredis'],
  'src/queues/ok.ts': ['bullmq'],
  'src/engines/sim/timer.ts': ['node:timers/promises'],
  'machines/ok.ts': ['xstate', '../src/planning/ok.js'],
  'machines/zod.ts': ['zod'],
  'machines/up.ts': ['../src/queues/ok.js'],
  'src/telemetry/up.ts': ['../scheduler/ok.js'],
  'src/scheduler/ok.ts': ['../queues/ok.js', '../../machines/ok.js'],
  'src/scheduler/up.ts': ['../cli/ok.js'],
  'src/cli/ok.ts': ['../scheduler/ok.js'],
  'src/cli/tests.ts': ['../../test/ok.js'],
  'src/cli/dev.ts': ['fast-check'],
  'src/cli/missing.ts': ['./nowhere.js'],
  'src/cli/one.ts': ['./two.js'],
  'src/cli/two.ts': ['./one.js'],
  'test/ok.ts': ['../src/cli/ok.js', '../machines/ok.js', 'fast-check'],
};

/** What the rules must say of them; everything else is allowed. */
const FORBIDDEN: Record<string, string[]> = {
  'src/contract/up.ts': ['one-way-0', 'pure-rooms'],
  'src/planning/reads.ts': ['pure-rooms'],
  'src/forecast/reads-by-another.ts': ['pure-rooms'],
  'src/admission/redis.ts': ['pure-rooms'],
  'src/gpu/core/up.ts': ['one-way-2', 'pure-rooms'],
  'src/engines/sim/timer.ts': ['pure-rooms'],
  'machines/zod.ts': ['machines-only-xstate'],
  'machines/up.ts': ['one-way-3', 'pure-rooms'],
  'src/telemetry/up.ts': ['one-way-4'],
  'src/scheduler/up.ts': ['one-way-5'],
  'src/cli/tests.ts': ['one-way-6'],
  'src/cli/dev.ts': ['shipped-dependencies'],
  'src/cli/missing.ts': ['resolvable'],
  'src/cli/one.ts': ['no-cycles'],
  // What the files above make of their rooms.
  'src/contract': ['no-room-cycles'],
  'src/config': ['no-room-cycles'],
  'src/scheduler': ['no-room-cycles'],
  'src/cli': ['no-room-cycles'],
  test: ['no-room-cycles'],
};

const reportSchema = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })),
    totalCruised: z.number(),
  }),
});
const found: Record<string, string[]> = {};

beforeAll(() => {
  for (const [file, imports] of Object.entries(TREE)) {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    const lines = imports.map((from, i) => `import * as x${i} from '${from}';\nconsole.log(x${i});`);
    writeFileSync(path, `${lines.join('\n')}\nexport const here = 1;\n`);
  }
  for (const name of ['node_modules', 'package.json', 'tsconfig.json']) {
    symlinkSync(join(root, name), join(folder, name));
  }
  const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.cjs');
  const ran = spawnSync(
    process.execPath,
    [cruiser, '--config', config, '--output-type', 'json', 'src', 'machines', 'test'],
    { cwd: folder, encoding: 'utf8' },
  );
  const { summary } = reportSchema.parse(JSON.parse(ran.stdout));
  expect(summary.totalCruised).toBeGreaterThanOrEqual(Object.keys(TREE).length);
  for (const { from, rule } of summary.violations) {
    found[from] = [...new Set([...(found[from] ?? []), rule.name])].sort();
  }
});

describe('the import rules', () => {
  it.each(Object.entries(FORBIDDEN))('catch %s', (file, rules) => {
    expect(found[file]).toEqual(rules);
  });

  it('allow all that follows the design', () => {
    expect(Object.keys(found).filter((file) => FORBIDDEN[file] === undefined)).toEqual([]);
  });
});
