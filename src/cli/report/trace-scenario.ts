import type { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { type ScenarioFields, scenarioSchema } from '../../simulator/open/scenario-schema.js';

/** The flags that fields of a scenario come from. */
const FLAGS: Readonly<Record<string, string>> = {
  level: '--slo',
  mix: '--mix',
  minutes: '--minutes',
  speed: '--speed',
  rate_scale: '--rate-scale',
  max_gap_seconds: '--max-gap',
  cold_start_seconds: '--cold-start',
};

/** The scenario that flags beside a trace make up. Errors: `invalid_request` that names the flag. */
export function traceScenario(fields: z.input<typeof scenarioSchema>): ScenarioFields {
  const parsed = scenarioSchema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = String(issue?.path.at(-1) ?? '');
  throw new SluiceError(
    'invalid_request',
    `${FLAGS[field] ?? field}: ${issue?.message ?? 'not a scenario'}; correct it`,
  );
}
