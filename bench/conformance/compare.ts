/** Fields that come from interpolation; recorded grids have five digits. */
const INTERPOLATED = new Set([
  'ttft_ms',
  'itl_ms',
  'thpt_per_gpu',
  'prefill_thpt_per_gpu',
  'decode_thpt_per_gpu',
  'decode_itl_at_choice_ms',
]);
/** Numbers that are not measured but counted. */
const COUNTED =
  /^(num_|raw_|lower_bound_|throughput_lower_bound_)|_before_budget$|_variant(_gpus)?$|(^|_)buffer_len$/;

const TOLERANCE = 1e-6;
const INTERPOLATED_TOLERANCE = 1e-3;
/** What counts as zero where zero is expected. */
const ZERO = 1e-9;

/**
 * Compares what was expected with what came, field by field: counts, texts and shapes exactly, numbers within 1e-6 of
 * their size (interpolated ones 1e-3, or as the case's note says: "tolerance 1e-3").
 * @returns the problems; empty: passed.
 */
export function compareFields(
  expected: Record<string, unknown>,
  got: Record<string, unknown>,
  note: string | undefined,
): string[] {
  const noted = /tolerance\s+([\d.]+(?:e-?\d+)?)/i.exec(note ?? '')?.[1];
  return Object.entries(expected).flatMap(([field, value]) => {
    if (!(field in got)) return [`${field}: this field is not known`];
    return compare(field, field, value, got[field], noted === undefined ? null : Number(noted));
  });
}

function compare(
  path: string,
  field: string,
  expected: unknown,
  got: unknown,
  noted: number | null,
): string[] {
  if (Array.isArray(expected) && Array.isArray(got)) {
    if (expected.length !== got.length) {
      return [`${path}: expected ${expected.length} values, got ${got.length}`];
    }
    return expected.flatMap((value, i) => compare(`${path}[${i}]`, field, value, got[i], noted));
  }
  if (isRecord(expected) && isRecord(got)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(got)]);
    return [...keys].flatMap((key) => compare(`${path}.${key}`, key, expected[key], got[key], noted));
  }
  const want = numberOf(expected);
  const have = typeof got === 'number' ? got : null;
  const same = want !== null && have !== null ? near(field, want, have, noted) : expected === got;
  return same ? [] : [`${path}: expected ${show(expected)}, got ${show(got)}`];
}

function near(field: string, want: number, have: number, noted: number | null): boolean {
  if (Object.is(want, have) || want === have) return true;
  if (COUNTED.test(field) || !Number.isFinite(want) || !Number.isFinite(have)) return false;
  const gap = Math.abs(want - have);
  if (noted !== null && gap <= noted) return true;
  const tolerance = noted ?? (INTERPOLATED.has(field) ? INTERPOLATED_TOLERANCE : TOLERANCE);
  return gap <= Math.max(ZERO, tolerance * Math.abs(want));
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As JSON, NaN and the infinities by name. */
function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
}
