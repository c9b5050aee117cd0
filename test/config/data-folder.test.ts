import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeDataFolder } from '../../src/config/data-folder.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('makes a folder with its parents, and takes one that is there', () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeDataFolder(deep);
  makeDataFolder(deep);
  expect(existsSync(deep)).toBe(true);
});

it('says so where a file stands in the way', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const error = { code: 'invalid_request', message: expect.stringContaining('with --data') };
  expect(() => makeDataFolder(file)).toThrow(expect.objectContaining(error));
  expect(() => makeDataFolder(join(file, 'below'))).toThrow(expect.objectContaining(error));
});

it.runIf(existsSync('/proc/self'))('ends below /proc, where no folder can be made', () => {
  const error = {
    code: 'invalid_request',
    message: expect.stringContaining('cannot keep data in /proc/x/y'),
  };
  expect(() => makeDataFolder('/proc/x/y')).toThrow(expect.objectContaining(error));
});
