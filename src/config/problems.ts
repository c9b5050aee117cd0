import { SluiceError } from '../contract/errors.js';

/** Keys and indices from the top of the file. */
export type Path = readonly (string | number)[];

/** Finds the place of a path in the file: 1-based line and column. */
export type Locate = (path: Path) => { line: number; column: number } | null;

/** Collects everything that is wrong with a file, so that a user sees all of it at once. */
export class Problems {
  readonly #found: { line: number; column: number; text: string }[] = [];
  /** Things that are allowed but probably not meant. */
  readonly notes: string[] = [];

  constructor(
    private readonly file: string,
    private readonly locate: Locate,
  ) {}

  get count(): number {
    return this.#found.length;
  }

  /** One problem at a path. `message` says what was expected and what came. */
  add(path: Path, message: string): void {
    const place = this.locate(path) ?? { line: 1, column: 1 };
    this.#found.push({ ...place, text: this.#line(path, message) });
  }

  note(path: Path, message: string): void {
    this.notes.push(this.#line(path, message));
  }

  /** Errors: `invalid_config`, one problem a line in the order of the file, when anything was found. */
  throwIfAny(): void {
    if (this.#found.length > 0) this.#throw();
  }

  /** Adds one more problem and throws them all. */
  fail(path: Path, message: string): never {
    this.add(path, message);
    this.#throw();
  }

  #throw(): never {
    const sorted = [...this.#found].sort((a, b) => a.line - b.line || a.column - b.column);
    throw new SluiceError('invalid_config', sorted.map(({ text }) => text).join('\n'));
  }

  #line(path: Path, message: string): string {
    const place = this.locate(path);
    const at = place === null ? this.file : `${this.file}:${place.line}:${place.column}`;
    return path.length === 0 ? `${at}: ${message}` : `${at}: ${pathText(path)}: ${message}`;
  }
}

/** `pools.high.islands[0]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? printable(part) : `.${printable(part)}`;
  }
  return text;
}

/** What came, short enough for one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') {
    // The user and the password of an address are not shown.
    const safe = value.replace(/\/\/.*@/, '//***@');
    return JSON.stringify(safe.length > 60 ? `${safe.slice(0, 57)}...` : safe);
  }
  return String(value);
}

function printable(key: string): string {
  return /^[\w.-]{1,60}$/.test(key) ? key : show(key);
}
