import { type Case, type ReadCase, readCases } from './cases.js';
import { compareFields } from './compare.js';
import { loadPredictor, loss, mockLatency } from './groups/forecasts.js';
import type { Group } from './groups/group.js';
import { decodeBest, decodeInterpolation, prefillInterpolation } from './groups/interpolation.js';
import { budget, fixedThroughput, profiled } from './groups/replicas.js';
import { staticThresholds } from './groups/thresholds.js';
import { Profiles } from './profiles.js';

const GROUPS: Readonly<Record<string, Group>> = {
  classic_prefill_interp: prefillInterpolation,
  classic_decode_interp: decodeInterpolation,
  classic_decode_best: decodeBest,
  classic_replicas_fixed_throughput: fixedThroughput,
  classic_replicas_h200_profile: profiled,
  classic_replicas_h100_profile: profiled,
  classic_budget: budget,
  load_predictor: loadPredictor,
  forecast_loss: loss,
  load_scaling_static_thresholds: staticThresholds,
  mocker_latency: mockLatency,
};

export interface Failure {
  id: string;
  group: string;
  problems: string[];
  expected: unknown;
  got: unknown;
}

export interface ConformanceReport {
  cases: number;
  passed: number;
  failed: number;
  groups: Record<string, { passed: number; failed: number }>;
  failures: Failure[];
}

/**
 * Runs every case of a file in classic mode. A group that is not known and a case that cannot be read fail, so that
 * none is passed over.
 * @param root the folder that the profiles' paths are relative to
 * @throws SluiceError invalid_config where the file holds no cases.
 */
export function runConformance(text: string, file: string, root: string): ConformanceReport {
  const profiles = new Profiles(root);
  const report: ConformanceReport = { cases: 0, passed: 0, failed: 0, groups: {}, failures: [] };
  for (const read of readCases(text, file)) {
    const failure = read.ok ? runCase(read.case, profiles) : malformed(read);
    const name = read.ok ? read.case.group : read.group;
    const counts = report.groups[name] ?? { passed: 0, failed: 0 };
    report.groups[name] = counts;
    report.cases++;
    counts[failure === null ? 'passed' : 'failed']++;
    report[failure === null ? 'passed' : 'failed']++;
    if (failure !== null) report.failures.push(failure);
  }
  return report;
}

function runCase(item: Case, profiles: Profiles): Failure | null {
  const { id, group: name, expected } = item;
  const fail = (problems: string[], got: unknown): Failure => ({ id, group: name, problems, expected, got });
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group === undefined) return fail([`unknown group ${JSON.stringify(name)}`], null);
  let got: Record<string, unknown>;
  try {
    got = group(item.inputs, { profiles, wants: new Set(Object.keys(expected)) });
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)], null);
  }
  const problems = compareFields(expected, got, item.note);
  return problems.length === 0 ? null : fail(problems, got);
}

function malformed(read: Extract<ReadCase, { ok: false }>): Failure {
  return {
    id: read.id,
    group: read.group,
    problems: [`malformed case: ${read.problem}`],
    expected: null,
    got: null,
  };
}
