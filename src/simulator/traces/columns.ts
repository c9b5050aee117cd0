import { BadRow, type RowParser, show, tokenCount } from './row.js';

/** How a CSV names what a row needs; columns may stand in any order, and others between them. */
interface Columns {
  /** Seconds. */
  at: string;
  isl: string;
  osl: string;
}

/** Rows of BurstGPT (HPMLL/BurstGPT): `Timestamp` in seconds, `Request tokens`, `Response tokens`, and others. */
export function burstGptParser(): RowParser {
  return columnParser('BurstGPT', { at: 'Timestamp', isl: 'Request tokens', osl: 'Response tokens' });
}

/** Rows of Vidur's traces: `arrived_at` in seconds, `num_prefill_tokens`, `num_decode_tokens`. */
export function vidurParser(): RowParser {
  return columnParser('Vidur', { at: 'arrived_at', isl: 'num_prefill_tokens', osl: 'num_decode_tokens' });
}

function columnParser(format: string, names: Columns): RowParser {
  let places: Record<keyof Columns, number> | null = null;
  let width = 0;
  return (text) => {
    const cells = text.split(',').map((cell) => cell.trim());
    if (places === null) {
      const header = cells.map((cell) => cell.replace(/^\uFEFF/, ''));
      const find = (name: string) => {
        const place = header.indexOf(name);
        if (place < 0)
          throw new BadRow(`expected a ${format} header with a column ${show(name)}, got ${show(text)}`);
        return place;
      };
      places = { at: find(names.at), isl: find(names.isl), osl: find(names.osl) };
      width = cells.length;
      return null;
    }
    if (cells.length !== width) throw new BadRow(`expected ${width} columns, got ${cells.length}`);
    const at = cells[places.at] ?? '';
    const atSeconds = at === '' ? Number.NaN : Number(at);
    if (!Number.isFinite(atSeconds) || atSeconds < 0)
      throw new BadRow(`expected ${names.at} to be seconds of at least 0, got ${show(at)}`);
    return {
      atSeconds,
      isl: tokens(names.isl, cells[places.isl] ?? ''),
      osl: tokens(names.osl, cells[places.osl] ?? ''),
    };
  };
}

/** Counts such as `128.0`, as some tools write whole numbers, are counts too. */
function tokens(name: string, text: string): number {
  return tokenCount(name, text === '' ? Number.NaN : Number(text), text);
}
