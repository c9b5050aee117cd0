/** The candidate nearest to a mistyped key, by Levenshtein distance; null when none is near. */
function nearest(key: string, candidates: Iterable<string>): string | null {
  const wanted = fold(key).slice(0, 64);
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    // People also shorten names, so a slip of the beginning counts as well.
    const beginning = wanted.length > 3 ? editDistance(wanted, folded.slice(0, wanted.length)) + 1 : Infinity;
    const distance = Math.min(editDistance(wanted, folded), beginning);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `, did you mean "x"?` or the list of what is known. */
export function hint(key: string, candidates: readonly string[]): string {
  const near = nearest(key, candidates);
  if (near !== null) return `did you mean ${JSON.stringify(near)}?`;
  return `known here: ${[...candidates].sort().join(', ')}`;
}

function fold(text: string): string {
  return text.toLowerCase().replaceAll('-', '_');
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(same, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
