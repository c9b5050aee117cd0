/** So many in a window are load: what gathers then is less work for each. */
const LOAD = 40;
const WINDOW_MS = 100;

/** Tells load from single events, by how many came in the tenth of a second before this one. */
export class Rush {
  #now = 0;
  #before = 0;
  #sinceMs = 0;

  /** Counts an event. @param atMs of a clock that only rises */
  count(atMs: number): void {
    this.#turn(atMs);
    this.#now++;
  }

  /** Whether events come so often that they should gather. */
  isOn(atMs: number): boolean {
    this.#turn(atMs);
    return this.#before >= LOAD;
  }

  #turn(atMs: number): void {
    const past = atMs - this.#sinceMs;
    if (past <= WINDOW_MS) return;
    this.#before = past > 2 * WINDOW_MS ? 0 : this.#now;
    this.#now = 0;
    this.#sinceMs = atMs;
  }
}
