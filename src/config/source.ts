import { readFileSync, statSync } from 'node:fs';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import { SluiceError } from '../contract/errors.js';
import type { Locate, Path } from './problems.js';

/** A configuration is a few kilobytes; more than this is some other file. */
const MAX_BYTES = 1_048_576;
/** Syntax errors after the first few are echoes of those. */
const MAX_SYNTAX_ERRORS = 5;

/** A parsed YAML file: its plain value, and where in the text each path stands. */
export interface Source {
  value: unknown;
  locate: Locate;
}

/** Reads a file as UTF-8 text. Errors: `not_found` where there is none; `invalid_config` when it is no file, too large or not UTF-8. */
export function readConfigText(file: string): string {
  let bytes: Buffer;
  try {
    const stat = statSync(file);
    if (stat.isDirectory()) throw refuse(file, 'expected a YAML file, got a directory');
    if (!stat.isFile()) throw refuse(file, 'expected a YAML file, got a device, pipe or socket');
    if (stat.size > MAX_BYTES) throw tooLarge(file, stat.size);
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw new SluiceError(
      isMissing(error) ? 'not_found' : 'invalid_config',
      `${file}: cannot read this file (${readFailure(error)})`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(file, 'expected UTF-8 text, got other bytes; save the file as UTF-8');
  }
}

/** Parses YAML 1.2 with positions. Errors: `invalid_config` for syntax errors, duplicate keys and an empty file. */
export function parseSource(text: string, file: string): Source {
  if (text.length > MAX_BYTES) throw tooLarge(file, text.length);
  const lines = new LineCounter();
  let root: ParsedNode | null;
  let value: unknown;
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      logLevel: 'error',
    });
    const faults = [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_ERRORS);
    if (faults.some(({ message }) => message.includes('call stack'))) throw new RangeError();
    if (faults.length > 0) {
      const told = faults.map((fault) => {
        const { line, col } = lines.linePos(fault.pos[0]);
        return `${file}:${line}:${col}: not valid YAML: ${firstLine(fault.message)}`;
      });
      throw new SluiceError('invalid_config', told.join('\n'));
    }
    root = document.contents;
    value = document.toJS();
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const why = error instanceof RangeError ? 'it is nested too deep' : messageOf(error);
    throw refuse(file, `not valid YAML: ${firstLine(why)}`);
  }
  if (value === null || value === undefined) {
    throw refuse(file, 'the file is empty; `sluice config show` prints a complete one to start from');
  }
  return { value, locate: (path) => locate(root, path, lines) };
}

/** The place of a path's last key (or list item); of its nearest ancestor when the path is not in the file. */
function locate(root: Node | null, path: Path, lines: LineCounter): { line: number; column: number } | null {
  let node: unknown = root;
  let at = root?.range?.[0] ?? 0;
  for (const part of path) {
    const resolved: unknown = isAlias(node) ? undefined : node;
    if (isMap(resolved)) {
      const pair = resolved.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      if (isScalar(pair.key)) at = pair.key.range?.[0] ?? at;
      node = pair.value;
    } else if (isSeq(resolved) && typeof part === 'number' && part < resolved.items.length) {
      node = resolved.items[part];
      if (isMap(node) || isScalar(node) || isSeq(node)) at = node.range?.[0] ?? at;
    } else break;
  }
  const { line, col } = lines.linePos(at);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function refuse(file: string, message: string): SluiceError {
  return new SluiceError('invalid_config', `${file}: ${message}`);
}

function tooLarge(file: string, size: number): SluiceError {
  return refuse(file, `expected a configuration of at most ${MAX_BYTES} bytes, got ${size}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function readFailure(error: unknown): string {
  if (isMissing(error)) return 'there is no such file';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return messageOf(error);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
