import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SluiceError } from '../contract/errors.js';
import { measuredProfile } from './measured.js';
import { generatedProfile } from './roofline/generate.js';
import { isTable, parseLoose, type ReadTableOptions, readTable } from './tables/read.js';
import type { MeasuredTable } from './tables/types.js';
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
  notes: z.array(z.string()).exactOptional(),
  tp: z
    .record(
      z.string().regex(/^[1-9]\d*$/, 'expected a TP degree of 1 or more'),
      z.object({ ttft: terms, itl: terms }),
    )
    .refine((laws) => Object.keys(laws).length > 0, 'expected a law for at least one TP degree'),
});

/**
 * Loads and checks a performance profile. A plain name is a built-in of the package's `profiles/` folder; anything with
 * a slash or ending in `.json` or `.npz` is a path, relative to the working directory: a profile's file, or measured
 * tables (all that `loadMeasuredTable` reads), to which a law is fitted. `generate:MODEL/GPU/DTYPE` is computed.
 * @throws SluiceError invalid_config that names the file and, for a wrong value, its path within it.
 */
export function loadProfile(nameOrPath: string): Profile {
  const generated = generatedProfile(nameOrPath);
  if (generated !== null) return generated;
  const isPath = /[/\\]|\.(json|npz)$/.test(nameOrPath);
  const file = isPath ? resolve(nameOrPath) : join(builtInFolder(), `${nameOrPath}.json`);
  if (isPath && (file.endsWith('.npz') || isFolder(file))) return measuredProfile([loadMeasuredTable(file)]);
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
    raw = parseLoose(text);
  } catch (error) {
    throw new SluiceError('invalid_config', `${file}: not valid JSON (${reasonOf(error)})`);
  }
  if (isTable(raw)) return measuredProfile([loadMeasuredTable(file)]);
  const parsed = profileSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new SluiceError('invalid_config', `${file}: not a valid profile: ${problems.join('; ')}`);
}

/** The two files of a profile of NVIDIA Dynamo in its folder, as its profiler, its ConfigMap and its repository have them. */
const DYNAMO_FILES = [
  ['selected_prefill_interpolation/raw_data.npz', 'selected_decode_interpolation/raw_data.npz'],
  ['prefill_raw_data.json', 'decode_raw_data.json'],
  ['prefill.npz', 'decode.npz'],
] as const;

/**
 * Loads measured tables: our JSON, a file with both halves of Dynamo's raw data, or the folder that holds its two files.
 * @throws SluiceError invalid_config that names the file and the place in it.
 */
export function loadMeasuredTable(path: string, options: ReadTableOptions = {}): MeasuredTable {
  const files = tableFiles(path).map((file) => {
    try {
      return { name: file, bytes: readFileSync(file) };
    } catch (error) {
      throw new SluiceError('invalid_config', `${file}: cannot read the profile (${reasonOf(error)})`);
    }
  });
  return readTable(basename(path, extname(path)), files, options);
}

function tableFiles(path: string): string[] {
  if (!isFolder(path)) return [path];
  const pair = DYNAMO_FILES.find((files) => files.every((file) => existsSync(join(path, file))));
  if (pair !== undefined) return pair.map((file) => join(path, file));
  const known = DYNAMO_FILES.map((files) => files.join(' and ')).join('; or ');
  throw new SluiceError('invalid_config', `${path}: expected a folder with ${known}`);
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
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
