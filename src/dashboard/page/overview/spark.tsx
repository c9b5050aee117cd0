const WIDTH = 120;
const HEIGHT = 36;

/** A small line without axes; gaps where nothing is known. */
export function Spark({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const most = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const x = (at: number) => (values.length < 2 ? WIDTH : (at / (values.length - 1)) * WIDTH);
  const y = (value: number) => HEIGHT - 2 - (value / most) * (HEIGHT - 6);
  let line = '';
  let pen = false;
  for (const [at, value] of values.entries()) {
    if (value !== null) line += `${pen ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = value !== null;
  }
  const first = values.findIndex((value) => value !== null);
  const area = first < 0 ? '' : `${line}L${WIDTH} ${HEIGHT}L${x(first).toFixed(1)} ${HEIGHT}Z`;
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={area} class="area" />
      <path d={line} class="line" />
    </svg>
  );
}
