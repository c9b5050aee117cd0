/** Numbers as they stand in reasons: three significant digits, no needless zeros. */
export function fixed(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : 'unbounded';
}

/** 0.053 as `5.3 %`. */
export function percent(share: number): string {
  return `${fixed(share * 100)} %`;
}

/** Milliseconds between two times as seconds. */
export function seconds(ms: number): string {
  return `${fixed(ms / 1000)} s`;
}
