import { apa } from './apa.js';
import { chiron } from './chiron.js';
import { dynamoLoad } from './dynamo-load.js';
import { dynamoSlaArima, dynamoSlaConstant } from './dynamo-sla.js';
import { hpa } from './hpa.js';
import { kpa } from './kpa.js';
import type { BaselinePolicy } from './policy.js';
import { sageserveReactive } from './sageserve.js';
import { sageserveLtUa } from './sageserve-ltua.js';
import { staticFull } from './static.js';
import { wva } from './wva.js';

/** Every policy that Sluice is compared with, in the order of a report. Names are unique. */
export const BASELINES: readonly BaselinePolicy[] = [
  staticFull,
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
