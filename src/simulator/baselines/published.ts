import { apa } from './apa.js';
import { chiron } from './chiron.js';
import { dynamoLoad } from './dynamo-load.js';
import { dynamoSlaArima, dynamoSlaConstant } from './dynamo-sla.js';
import { hpa } from './hpa.js';
import { kpa } from './kpa.js';
import type { BaselinePolicy } from './policy.js';
import { sageserveReactive } from './sageserve.js';
import { sageserveLtUa } from './sageserve-ltua.js';
import { wva } from './wva.js';

/** The published autoscalers that Sluice's planner is compared with. */
export const PUBLISHED_POLICIES: readonly BaselinePolicy[] = [
  hpa,
  kpa,
  apa,
  wva,
  chiron,
  sageserveReactive,
  sageserveLtUa,
  dynamoSlaArima,
  dynamoSlaConstant,
  dynamoLoad,
];
