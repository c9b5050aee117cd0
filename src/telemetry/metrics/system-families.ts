import type { SystemStatus } from '../../contract/status.js';
import { type Family, known } from './family.js';

/** What the status tells of the whole system. */
export function systemFamilies(status: SystemStatus): Family[] {
  const { total, priorities, levels, gpus, roles } = status;
  const states = ['free', 'starting', 'running', 'draining'] as const;
  const names = [...new Set(roles.map(({ role }) => role))];
  return [
    {
      name: 'sluice_start_time_seconds',
      type: 'gauge',
      help: 'When the first request path came up, Unix seconds.',
      samples: known({}, status.startedAtMs === null ? null : status.startedAtMs / 1000),
    },
    {
      name: 'sluice_roles_alive',
      type: 'gauge',
      help: 'Processes of each role that beat.',
      samples: names.map((role) => ({
        labels: { role },
        value: roles.filter((each) => each.role === role && each.state === 'alive').length,
      })),
    },
    {
      name: 'sluice_requests_rejected_total',
      type: 'counter',
      help: 'Requests refused, by a pool or before one was chosen.',
      samples: known({}, total.rejected),
    },
    {
      name: 'sluice_gpus',
      type: 'gauge',
      help: 'GPUs of the inventory by the state of their lease.',
      samples: states.map((state) => ({
        labels: { state },
        value: gpus.filter((gpu) => gpu.state === state).length,
      })),
    },
    {
      name: 'sluice_priority_utilization_ratio',
      type: 'gauge',
      help: 'Share of the GPUs held by the pools of an SLO priority that is in use, now and since the start.',
      samples: priorities.flatMap(({ priority, now, run }) => [
        ...known({ priority: String(priority), window: 'now' }, now),
        ...known({ priority: String(priority), window: 'run' }, run),
      ]),
    },
    {
      name: 'sluice_level_cost_usd_total',
      type: 'counter',
      help: 'Cost by SLO level since the start.',
      samples: Object.entries(levels).map(([level, { costUsd }]) => ({ labels: { level }, value: costUsd })),
    },
    {
      name: 'sluice_level_cost_usd_per_hour',
      type: 'gauge',
      help: 'Price of the GPUs that a level holds now, for one hour.',
      samples: Object.entries(levels).map(([level, { usdPerHour }]) => ({
        labels: { level },
        value: usdPerHour,
      })),
    },
    {
      name: 'sluice_level_cost_usd_per_thousand_tokens',
      type: 'gauge',
      help: 'Cost by thousand tokens, prompt and output, of completed requests since the start.',
      samples: Object.entries(levels).flatMap(([level, cost]) => known({ level }, cost.usdPerThousandTokens)),
    },
    {
      name: 'sluice_static_gpu_seconds_total',
      type: 'counter',
      help: 'GPU-seconds had every pool held its whole budget since the start.',
      samples: known({}, total.staticGpuHours * 3600),
    },
  ];
}
