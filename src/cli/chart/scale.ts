/** A linear scale from values to places, with round ticks. */
export interface Scale {
  place(value: number): number;
  ticks: number[];
}

/** Values `low`..`high` on places `from`..`to`, with about `wanted` ticks of 1, 2 or 5 times a power of ten (or of `units`). */
export function linearScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  wanted: number,
  units: readonly number[] = [],
): Scale {
  const span = high > low ? high - low : 1;
  const step = tickStep(span / wanted, units);
  const ticks: number[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= low + span * (1 + 1e-9); k++) ticks.push(k * step);
  return { place: (value) => from + ((value - low) / span) * (to - from), ticks };
}

function tickStep(least: number, units: readonly number[]): number {
  const unit = units.find((candidate) => candidate >= least);
  if (unit !== undefined) return unit;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * (least <= power ? 1 : least <= 2 * power ? 2 : least <= 5 * power ? 5 : 10);
}
