import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { roleCommands } from '../../src/cli/roles.js';
import { loadConfig } from '../../src/config/load.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const serviceSchema = z.object({
  image: z.string(),
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  stop_grace_period: z.string().optional(),
});
const compose = z
  .object({ services: z.record(z.string(), serviceSchema) })
  .parse(parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }));
const { redis, ...roles } = compose.services;
const commands = Object.values(roles).map(({ command }) => command);

/** The file that a role is given with -c. */
const fileOf = (command: string[]) => join(root, command[command.indexOf('-c') + 1] ?? '');

describe('docker-compose.yml', () => {
  it('runs Redis with AOF and noeviction', () => {
    expect(redis?.command.join(' ')).toContain('--appendonly yes');
    expect(redis?.command.join(' ')).toContain('--maxmemory-policy noeviction');
  });

  it('gives every role REDIS_URL and waits for a healthy Redis', () => {
    for (const [name, service] of Object.entries(roles)) {
      expect(service.environment?.REDIS_URL, name).toBe('redis://redis:6379');
      expect(service.depends_on, name).toEqual({ redis: { condition: 'service_healthy' } });
    }
  });

  it('runs commands and options that sluice has', () => {
    const known = new Map(roleCommands().map((command) => [command.name(), command]));
    for (const [program, role, ...rest] of commands) {
      expect(program).toBe('sluice');
      const command = known.get(role ?? '');
      expect(command, `sluice ${role}`).toBeDefined();
      const flags = command?.options.flatMap(({ short, long }) => [short, long]);
      for (const flag of rest.filter((word) => word.startsWith('-'))) expect(flags).toContain(flag);
    }
  });

  it('has a service for each role, and a planner for each pool of its configuration', () => {
    // Every process role has a file under workers/; the allocator starts the two worker roles itself.
    const processes = readdirSync(join(root, 'workers')).map((file) => file.replace(/\.ts$/, ''));
    const started = new Set(commands.map(([, role]) => (role === 'allocator' ? 'gpu-allocator' : role)));
    expect(processes.filter((name) => !name.endsWith('-worker') && !started.has(name))).toEqual([]);
    const [first = []] = commands;
    for (const command of commands) expect(fileOf(command)).toBe(fileOf(first));
    expect(existsSync(fileOf(first))).toBe(true);
    const planned = commands.filter(([, role]) => role === 'planner').map(([, , pool]) => pool);
    expect(planned).toEqual(Object.keys(loadConfig(fileOf(first)).pools));
  });

  it('lets workers drain before it kills them', () => {
    const [seconds] = /^\d+/.exec(roles.allocator?.stop_grace_period ?? '') ?? ['0'];
    const [first = []] = commands;
    expect(Number(seconds)).toBeGreaterThan(loadConfig(fileOf(first)).worker.drainSeconds);
  });
});
