import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Rooms whose decisions take the clock and the seed as arguments. What they import is the import rules' matter. */
const PURE = [
  'machines',
  'src/contract',
  'src/profile',
  'src/forecast',
  'src/planning',
  'src/admission',
  'src/gpu/core',
  'src/engines/sim',
  'src/simulator/run',
  'src/simulator/workload',
];
/** The edges of the live sim engine: timers, and the clock that is given to the rest. */
const EDGES = ['src/engines/sim/live.ts', 'src/engines/sim/wall-clock.ts'];
const HIDDEN_INPUT =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bprocess\.|\bset(Timeout|Interval|Immediate)\b|\brandomUUID\b/;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

function code(file: string): string {
  return readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

it('no decision reads a clock, a random number or the process by itself', () => {
  const files = PURE.flatMap(sources).filter((file) => !EDGES.includes(file));
  expect(files.length).toBeGreaterThan(30);
  expect(files.filter((file) => HIDDEN_INPUT.test(code(file)))).toEqual([]);
});

it('the environment is read in one place', () => {
  const files = ['src', 'machines', 'workers'].flatMap(sources);
  expect(files.filter((file) => /\bprocess\.env\b/.test(code(file)))).toEqual(['src/config/environment.ts']);
});
