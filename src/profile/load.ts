import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SluiceError } from '../contract/errors.js';
import type { Profile } from './types.js';

const coefficient = z.number().min(0);
/** b0 or a0 above 0, so that no step takes no time. */
const terms = z.tuple([z.number().positive(), coefficient, coefficient]);

const profileSchema = z.object({
  name: z.string().min(1),
  model: z.string().min(1),
  gpu: z.string().min(1),
  source: z.string().min(1),
  kvBytesPerToken: z.number().positive(),
  weightBytes: coefficient,
  gpuMemoryBytes: z.number().positive(),
  overheadBytesPerGpu: coefficient,
  transferBytesPerSecond: z.number().positive(),
  tp: z
    .record(
      z.string().regex(/^[1-9]\d*$/, 'expected a TP degree of 1 or more'),
      z.object({ ttft: terms, itl: terms }),
    )
    .refine((laws) => Object.keys(laws).length > 0, 'expected a law for at least one TP degree'),
});

/**
 * Loads and checks a performance profile. A plain name is a built-in of the package's `profiles/` folder; anything with
 * a slash or ending in `.json` is a file's path, relative to the working directory.
 * @throws SluiceError invalid_config that names the file and, for a wrong value, its path within it.
 */
export function loadProfile(nameOrPath: string): Profile {
  const isPath = /[/\\]|\.json$/.test(nameOrPath);
  const file = isPath ? resolve(nameOrPath) : join(builtInFolder(), `${nameOrPath}.json`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const what = isPath ? 'profile file' : `built-in profile "${nameOrPath}"`;
    throw new SluiceError('invalid_config', `${file}: cannot read the ${what} (${reasonOf(error)})`);
  }
  return parseProfile(text, file);
}

/** Checks a profile's JSON text; `file` is named in errors. */
function parseProfile(text: string, file: string): Profile {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new SluiceError('invalid_config', `${file}: not valid JSON (${reasonOf(error)})`);
  }
  const parsed = profileSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new SluiceError('invalid_config', `${file}: not a valid profile: ${problems.join('; ')}`);
}

/** The package root differs between the sources and the build (dist/src), so it is found by walking up. */
function builtInFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'profiles');
    if (existsSync(candidate) && existsSync(join(folder, 'package.json'))) return candidate;
    if (folder === dirname(folder)) break;
  }
  throw new SluiceError('invalid_config', `no folder "profiles" beside a package.json above ${start}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
