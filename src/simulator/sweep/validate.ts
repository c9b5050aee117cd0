import { calibrate, engineOf } from '../../profile/roofline/calibrate.js';
import { type Efficiency, VLLM_EFFICIENCY } from '../../profile/roofline/efficiency.js';
import { generateProfile } from '../../profile/roofline/generate.js';
import type { MeasuredTable } from '../../profile/tables/types.js';
import { checkTable, type TableCheck } from './check.js';

/** How a generated profile fares on one measured table. */
export interface Validation {
  table: string;
  /** Factors calibrated on all other tables only, and what the sim engine on that profile is off by. */
  heldOut: { efficiency: Efficiency; check: TableCheck };
  /** With the factors that `sluice profile generate` uses. */
  shipped: TableCheck;
}

/**
 * Leave one out: for each table the factors are calibrated on the others, a profile is generated, and the sim engine on
 * it is driven through the sweep of the table left out.
 * @throws SluiceError invalid_config with fewer than two tables, or for one of an unknown model or GPU.
 */
export function validateRoofline(tables: readonly MeasuredTable[]): Validation[] {
  return tables.map((table) => {
    const others = tables.filter((other) => other !== table);
    const efficiency = calibrate(others);
    return {
      table: table.name,
      heldOut: { efficiency, check: checkGenerated(table, efficiency) },
      shipped: checkGenerated(table, VLLM_EFFICIENCY),
    };
  });
}

function checkGenerated(table: MeasuredTable, efficiency: Efficiency): TableCheck {
  const { hardware, model, weights, tp } = engineOf(table);
  const profile = generateProfile({ hardware, model, weights, degrees: [tp], name: table.name, efficiency });
  return checkTable(table, profile, tp);
}
