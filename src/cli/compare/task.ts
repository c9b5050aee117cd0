import { loadConfig } from '../../config/load.js';
import type { PolicyRun, PolicyRunResult } from '../../simulator/compare/run.js';
import { runPolicy } from '../../simulator/compare/run.js';
import type { PeakScales } from '../../simulator/capacity/peak.js';
import { type OpenScenario, openScenario } from '../../simulator/open/scenario.js';

/** Which scenario, and how much of it. Plain data: it crosses to threads. */
export interface ScenarioSpec {
  file: string;
  configFile?: string;
  seed?: number;
  /** What is counted: so many hours from this one on. */
  fromHours?: number;
  hours?: number;
  peaks?: PeakScales;
}

/** One simulation for a thread. */
export interface Task {
  scenario: ScenarioSpec;
  run: PolicyRun;
}

export interface TaskProgress {
  hours: number;
  requests: number;
}

export function openSpec(spec: ScenarioSpec): OpenScenario {
  const { configFile, seed, fromHours, hours, peaks } = spec;
  return openScenario(spec.file, {
    ...(configFile === undefined ? {} : { config: loadConfig(configFile) }),
    ...(seed === undefined ? {} : { seed }),
    ...(fromHours === undefined ? {} : { fromSeconds: fromHours * 3600 }),
    ...(hours === undefined ? {} : { seconds: hours * 3600 }),
    ...(peaks === undefined ? {} : { peaks }),
    intervalSeconds: 60,
  });
}

export function doTask(task: Task, tell: (progress: TaskProgress) => void): PolicyRunResult {
  const { options } = openSpec(task.scenario);
  return runPolicy(options, task.run, ({ atSeconds, requests }) =>
    tell({ hours: atSeconds / 3600, requests }),
  );
}
