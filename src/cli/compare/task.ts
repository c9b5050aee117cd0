import { loadConfig } from '../../config/load.js';
import type { PeakScales } from '../../simulator/capacity/peak.js';
import { type HourCell, type HourWork, hourCells } from '../../simulator/compare/hour-table.js';
import type { PolicyRun, PolicyRunResult } from '../../simulator/compare/run.js';
import { runPolicy } from '../../simulator/compare/run.js';
import { type OpenScenario, openScenario } from '../../simulator/open/scenario.js';
import type { SimulateOptions } from '../../simulator/run/options.js';

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

/** What a thread does, and what it gives back. */
export interface Work {
  policy: { ask: PolicyRun; answer: PolicyRunResult };
  hours: { ask: HourWork; answer: HourCell[] };
}

export type WorkKind = keyof Work;

export interface Task<K extends WorkKind = WorkKind> {
  scenario: ScenarioSpec;
  kind: K;
  ask: Work[K]['ask'];
}

export interface TaskProgress {
  hours: number;
  requests: number;
}

/** Where neither scenario nor configuration sets one: what a real engine takes about, where the presets' is a demo's. */
const COLD_START_SECONDS = 120;

export function openSpec(spec: ScenarioSpec): OpenScenario {
  const { configFile, seed, fromHours, hours, peaks } = spec;
  return openScenario(spec.file, {
    coldStartSeconds: COLD_START_SECONDS,
    ...(configFile === undefined ? {} : { config: loadConfig(configFile, COLD_START_SECONDS) }),
    ...(seed === undefined ? {} : { seed }),
    ...(fromHours === undefined ? {} : { fromSeconds: fromHours * 3600 }),
    ...(hours === undefined ? {} : { seconds: hours * 3600 }),
    ...(peaks === undefined ? {} : { peaks }),
    intervalSeconds: 60,
  });
}

const DOERS: {
  [K in WorkKind]: (
    options: SimulateOptions,
    ask: Work[K]['ask'],
    tell: (progress: TaskProgress) => void,
  ) => Work[K]['answer'];
} = {
  policy: (options, ask, tell) =>
    runPolicy(options, ask, ({ atSeconds, requests }) => tell({ hours: atSeconds / 3600, requests })),
  hours: (options, ask) => hourCells(options, ask),
};

export function doTask<K extends WorkKind>(
  task: Task<K>,
  tell: (progress: TaskProgress) => void,
): Work[K]['answer'] {
  return DOERS[task.kind](openSpec(task.scenario).options, task.ask, tell);
}
