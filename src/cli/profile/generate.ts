import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { SluiceError } from '../../contract/errors.js';
import { kvCapacityTokens } from '../../profile/capacity.js';
import { itlSeconds, ttftSeconds } from '../../profile/law.js';
import type { WeightType } from '../../profile/roofline/costs.js';
import { VLLM_EFFICIENCY } from '../../profile/roofline/efficiency.js';
import { generateProfile, modelFor, profileName, weightTypeOf } from '../../profile/roofline/generate.js';
import { findHardware, type Hardware, hardwareFor } from '../../profile/roofline/hardware.js';
import { readModelConfig } from '../../profile/roofline/hf-config.js';
import { expertLineError } from '../../profile/roofline/law.js';
import type { ModelDimensions } from '../../profile/roofline/models.js';
import type { Profile } from '../../profile/types.js';
import { alignedTable } from '../report/table.js';

export interface GenerateFlags {
  model: string;
  gpu: string;
  tp?: number[];
  dtype?: string;
  name?: string;
  gpuMemoryUtilization: number;
}

/** `sluice profile generate --json`. */
export interface GenerateReport {
  profile: Profile;
  /** KV cache of a worker at the memory utilisation asked for, tokens, by TP degree. */
  kvTokens: Record<string, number>;
  gpuMemoryUtilization: number;
  /** What the reader should know before trusting it. */
  notes: string[];
}

/**
 * A profile by arithmetic. The dtype is by default that of the model's name or config.
 * @throws SluiceError invalid_config for an unknown model, GPU or dtype, a config.json that is not one, a TP degree that
 * does not fit.
 */
export function generateReport(flags: GenerateFlags): GenerateReport {
  const { model, weights: own } = modelOf(flags.model);
  const hardware = hardwareFor(flags.gpu);
  const weights = flags.dtype === undefined ? own : weightTypeOf(flags.dtype);
  const name = flags.name ?? profileName(model, weights, flags.gpu);
  const degrees = flags.tp === undefined ? {} : { degrees: flags.tp };
  const profile = generateProfile({ model, hardware, weights, name, ...degrees });
  const kvTokens = Object.fromEntries(
    Object.keys(profile.tp).map((tp) => [
      tp,
      kvCapacityTokens(profile, Number(tp), flags.gpuMemoryUtilization),
    ]),
  );
  return {
    profile,
    kvTokens,
    gpuMemoryUtilization: flags.gpuMemoryUtilization,
    notes: notesOn(model, hardware, weights),
  };
}

function modelOf(nameOrFile: string): { model: ModelDimensions; weights: WeightType } {
  if (!nameOrFile.endsWith('.json')) {
    return { model: modelFor(nameOrFile), weights: /fp8/i.test(nameOrFile) ? 'fp8' : 'bf16' };
  }
  if (!existsSync(nameOrFile)) {
    throw new SluiceError(
      'invalid_config',
      `${nameOrFile}: expected the config.json of a model, found no file`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(nameOrFile, 'utf8'));
  } catch (error) {
    throw new SluiceError(
      'invalid_config',
      `${nameOrFile}: not valid JSON (${SluiceError.from(error).message})`,
    );
  }
  const base = basename(nameOrFile, '.json');
  const name = base === 'config' ? basename(dirname(nameOrFile)) : base;
  return readModelConfig(name === '.' || name === '' ? 'model' : name.toLowerCase(), nameOrFile, json);
}

function notesOn(model: ModelDimensions, hardware: Hardware, weights: WeightType): string[] {
  const notes: string[] = [];
  if (weights === 'fp8' && hardware.fp8FlopsPerSecond === null) {
    notes.push(`${hardware.gpu} has no FP8 arithmetic: weights are read in FP8 and multiplied in BF16`);
  }
  if (hardware !== findHardware('h100') && hardware !== findHardware('h200')) {
    notes.push(`the factors were calibrated on H100 and H200; on ${hardware.gpu} nothing was measured`);
  }
  if (weights === 'bf16')
    notes.push('the factors were calibrated on FP8 weights; with BF16 nothing was measured');
  if (model.experts !== null) {
    const error = expertLineError({ model, hardware, weights, tp: 1 }, VLLM_EFFICIENCY);
    notes.push(
      'the weights of experts that a step reads grow with its batch; b0 and b1 are a line through that, up to ' +
        `${Math.round(100 * error)} % off for batches of 1 to 256`,
    );
  }
  return notes;
}

/** Sample figures of a chat load, so that a reader can judge the profile. */
const SAMPLE = { isl: 2000, osl: 150, batch: 64 };

export function renderGenerate({ profile, kvTokens, gpuMemoryUtilization, notes }: GenerateReport): string {
  const { isl, osl, batch } = SAMPLE;
  const context = isl + osl / 2;
  const ms = (seconds: number) => (1000 * seconds).toFixed(1);
  const rows = Object.entries(profile.tp).map(([degree, law]) => {
    const tp = Number(degree);
    return [
      degree,
      ...law.ttft.map(short),
      ...law.itl.map(short),
      ms(ttftSeconds(profile, tp, isl)),
      ms(itlSeconds(profile, tp, 1, context)),
      ms(itlSeconds(profile, tp, batch, batch * context)),
      String(kvTokens[degree] ?? 0),
    ];
  });
  const heads = ['TP', 'a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'TTFT ms', 'ITL ms', `ITL x${batch}`, 'KV tokens'];
  return [
    `${profile.name}: ${profile.model} on ${profile.gpu}; ${(profile.weightBytes / 1e9).toFixed(1)} GB of weights, ` +
      `${profile.kvBytesPerToken} bytes of KV a token`,
    'TTFT = a0 + a1 n + a2 n^2, ITL = b0 + b1 batch + b2 kvTokens (s)',
    '',
    ...alignedTable([heads, ...rows]),
    '',
    `TTFT of ${isl} tokens alone; ITL of 1 and ${batch} sequences of ${context} tokens; KV tokens at memory utilisation ${gpuMemoryUtilization}`,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
