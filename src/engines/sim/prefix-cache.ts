/**
 * Ref-counted cache of prompt runs by chained hash. An entry that nobody refers to stays until its room is needed,
 * least recently used first. Entries are slots in flat arrays; the list of unreferenced ones is threaded through them.
 */
export class PrefixCache {
  readonly #slots = new Map<number, number>();
  readonly #hashes: number[] = [];
  readonly #refs: number[] = [];
  readonly #previous: number[] = [];
  readonly #next: number[] = [];
  readonly #freeSlots: number[] = [];
  #oldest = -1;
  #newest = -1;
  #referenced = 0;
  #references = 0;

  /** Entries, referenced or not. */
  get size(): number {
    return this.#slots.size;
  }
  /** Entries that somebody refers to. */
  get referenced(): number {
    return this.#referenced;
  }
  /** References, an entry that two sequences share counting twice. */
  get references(): number {
    return this.#references;
  }

  /** The slot of a hash, or -1. */
  find(hash: number): number {
    return this.#slots.get(hash) ?? -1;
  }

  retain(slot: number): void {
    const refs = this.#refs[slot] ?? 0;
    if (refs === 0) {
      this.#unlink(slot);
      this.#referenced++;
    }
    this.#refs[slot] = refs + 1;
    this.#references++;
  }

  release(slot: number): void {
    const refs = (this.#refs[slot] ?? 0) - 1;
    this.#refs[slot] = refs;
    this.#references--;
    if (refs > 0) return;
    this.#referenced--;
    this.#previous[slot] = this.#newest;
    this.#next[slot] = -1;
    if (this.#newest >= 0) this.#next[this.#newest] = slot;
    else this.#oldest = slot;
    this.#newest = slot;
  }

  /** Adds an entry with one reference; its hash must not be in the cache. */
  insert(hash: number): number {
    const slot = this.#freeSlots.pop() ?? this.#hashes.length;
    this.#hashes[slot] = hash;
    this.#refs[slot] = 1;
    this.#previous[slot] = -1;
    this.#next[slot] = -1;
    this.#slots.set(hash, slot);
    this.#referenced++;
    this.#references++;
    return slot;
  }

  /** Drops the least recently used unreferenced entry; false when there is none. */
  evictOldest(): boolean {
    const slot = this.#oldest;
    if (slot < 0) return false;
    this.#unlink(slot);
    this.#slots.delete(this.#hashes[slot] ?? Number.NaN);
    this.#freeSlots.push(slot);
    return true;
  }

  #unlink(slot: number): void {
    const previous = this.#previous[slot] ?? -1;
    const next = this.#next[slot] ?? -1;
    if (previous >= 0) this.#next[previous] = next;
    else this.#oldest = next;
    if (next >= 0) this.#previous[next] = previous;
    else this.#newest = previous;
  }
}
