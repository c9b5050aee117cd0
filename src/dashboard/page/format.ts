/** Figures as people read them. Unknown is a dash, never a zero. */
export const DASH = '–';

export function percent(share: number | null | undefined, digits = 1): string {
  if (share == null || Number.isNaN(share)) return DASH;
  const text = (share * 100).toFixed(digits);
  // 99.96 % is not all of them.
  if (share < 1 && Number(text) === 100) return `>${(100 - 10 ** -digits).toFixed(digits)} %`;
  return `${text} %`;
}

/** A time in the unit that suits it. */
export function seconds(value: number | null | undefined): string {
  if (value == null || Number.isNaN(value)) return DASH;
  if (value < 0.0095) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 0.9995) return `${(value * 1000).toFixed(0)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  return span(value);
}

/** A length of time in whole seconds, minutes, hours or days. */
export function span(value: number | null | undefined): string {
  if (value == null || Number.isNaN(value)) return DASH;
  const s = Math.max(0, Math.round(value));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60 > 0 && s < 600 ? `${s % 60} s` : ''}`.trim();
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function rate(value: number | null | undefined): string {
  if (value == null || Number.isNaN(value)) return DASH;
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function count(value: number | null | undefined): string {
  if (value == null || Number.isNaN(value)) return DASH;
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

export function usd(value: number | null | undefined): string {
  if (value == null || Number.isNaN(value)) return DASH;
  const digits = value >= 100 ? 0 : value >= 0.1 || value === 0 ? 2 : 4;
  return `$${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export function number(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(4)));
}

/** Time of day. */
export function clock(atMs: number): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** States are written as words. */
export function stateName(state: string | null | undefined): string {
  if (state == null) return 'unknown';
  return state.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
