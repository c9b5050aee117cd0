/** What is asked of one figure. */
export interface Reach {
  what: string;
  got: number | null;
  /** What is asked, in words. */
  reach: string;
  /** null: it was not measured. */
  reached: boolean | null;
}

/** Judges a figure; null or undefined: it was not measured. */
export function reach(
  what: string,
  got: number | null | undefined,
  asked: string,
  holds: (got: number) => boolean,
): Reach {
  const known = got ?? null;
  return { what, got: known, reach: asked, reached: known === null ? null : holds(known) };
}

/** A judged figure as cells of a table: what, got, asked, verdict. */
export function reachCells({ what, got, reach: asked, reached }: Reach): [string, string, string, string] {
  const verdict = reached === null ? 'not measured' : reached ? 'reached' : 'MISSED';
  return [what, got === null ? '-' : got.toFixed(got < 100 ? 2 : 0), asked, verdict];
}
