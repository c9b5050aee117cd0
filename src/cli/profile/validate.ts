import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../contract/errors.js';
import { loadMeasuredTable } from '../../profile/load.js';
import type { SweepError, TableCheck } from '../../simulator/sweep/check.js';
import { type Validation, validateRoofline } from '../../simulator/sweep/validate.js';
import { alignedTable } from '../report/table.js';

/** Mean absolute error that a generated profile may have on a table that it was not calibrated on. */
const LIMIT = 0.2;

/** `sluice profile generate --validate --json`. */
export interface ValidationReport {
  limit: number;
  reached: boolean;
  tables: Validation[];
}

/**
 * Leave-one-out over the measured tables of a folder (its .json files).
 * @throws SluiceError invalid_config where the folder has fewer than two, or one of an unknown model or GPU.
 */
export function validationReport(folder: string): ValidationReport {
  const files = filesOf(folder);
  const tables = validateRoofline(files.map((file) => loadMeasuredTable(join(folder, file))));
  const within = (error: SweepError) => error.meanAbsolute <= LIMIT;
  return {
    limit: LIMIT,
    reached: tables.every(
      ({ heldOut: { check } }) => within(check.trusted.ttft) && within(check.trusted.itl),
    ),
    tables,
  };
}

function filesOf(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new SluiceError(
      'invalid_config',
      `${folder}: expected a folder (${SluiceError.from(error).message})`,
    );
  }
  const files = names.filter((name) => name.endsWith('.json')).sort();
  if (files.length >= 2) return files;
  throw new SluiceError(
    'invalid_config',
    `${folder}: expected at least two measured tables (.json), found ${files.length}: one is left out, the others calibrate`,
  );
}

export function renderValidation(report: ValidationReport): string {
  const rows = report.tables.map(({ table, heldOut, shipped }) => [
    table,
    ...figures(heldOut.check),
    ...figures(shipped),
  ]);
  const heads = ['table', ...['TTFT', 'ITL', 'tokens/s'], ...['TTFT*', 'ITL*', 'tokens/s*']];
  const factors = report.tables.map(({ table, heldOut: { efficiency: e } }) => [
    table,
    ...[e.gemm, e.link, e.attention, e.memory].map((share) => share.toFixed(3)),
    (1000 * e.frontEndSeconds).toFixed(2),
    ...[e.perLayerSeconds, e.allReduceSeconds, e.perSequenceSeconds].map((seconds) =>
      (1e6 * seconds).toFixed(1),
    ),
  ]);
  const names = [
    'without',
    'gemm',
    'link',
    'attention',
    'memory',
    'front end ms',
    'layer us',
    'all-reduce us',
    'sequence us',
  ];
  return [
    'generated profiles against measured tables, mean absolute error: factors calibrated on the other tables only',
    '(* with the factors that generate uses, which know the table)',
    '',
    ...alignedTable([heads, ...rows]),
    '',
    ...alignedTable([names, ...factors]),
    '',
    `${Math.round(100 * report.limit)} % for TTFT and ITL of a table left out: ${report.reached ? 'reached' : 'missed'}`,
  ].join('\n');
}

function figures({ trusted }: TableCheck): string[] {
  return [trusted.ttft, trusted.itl, trusted.throughput].map(
    ({ meanAbsolute }) => `${(100 * meanAbsolute).toFixed(1)} %`,
  );
}
