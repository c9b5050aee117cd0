import { BadRow, type RowParser, show, tokenCount } from './row.js';

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const STAMP = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/**
 * Rows of Azure's LLM inference traces (2023 and 2024): a header, then `TIMESTAMP,ContextTokens,GeneratedTokens`.
 * Fractions of seven digits keep their precision: whole seconds are counted from the first row's.
 */
export function azureParser(): RowParser {
  let first = true;
  let origin: number | null = null;
  return (text) => {
    if (first) {
      first = false;
      if (text.replace(/^\uFEFF/, '').replaceAll(' ', '') === HEADER) return null;
      throw new BadRow(`expected the header ${HEADER}, got ${show(text)}`);
    }
    const [stamp, context, generated, ...more] = text.split(',');
    if (stamp === undefined || context === undefined || generated === undefined || more.length > 0)
      throw new BadRow(`expected 3 columns (${HEADER}), got ${text.split(',').length}`);
    const { whole, fraction } = parseStamp(stamp.trim());
    const isl = tokenCount('ContextTokens', number(context), context);
    const osl = tokenCount('GeneratedTokens', number(generated), generated);
    origin ??= whole;
    return { atSeconds: whole - origin + fraction, isl, osl };
  };
}

function number(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** Unix seconds and the fraction apart: together they would lose the seventh digit. */
function parseStamp(text: string): { whole: number; fraction: number } {
  const parts = STAMP.exec(text);
  if (!parts) throw new BadRow(`expected a TIMESTAMP like 2023-11-16 18:15:46.6805900, got ${show(text)}`);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(ms).toISOString().slice(0, 19) !== `${text.slice(0, 10)}T${text.slice(11, 19)}`)
    throw new BadRow(`expected a TIMESTAMP that exists, got ${show(text)}`);
  const sign = parts[8] === '-' ? -1 : 1;
  const offset = sign * (Number(parts[9] ?? 0) * 3600 + Number(parts[10] ?? 0) * 60);
  return { whole: ms / 1000 - offset, fraction: Number(parts[7] ?? 0) };
}
