/**
 * A clock in Unix ms that never goes back: when the system's clock is set back, the difference is carried on, so that
 * time keeps moving.
 */
export function wallClock(system: () => number = Date.now): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let shift = 0;
  return () => {
    let now = system() + shift;
    if (now < last) {
      shift += last - now;
      now = last;
    }
    last = now;
    return now;
  };
}
