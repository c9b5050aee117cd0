import { plainText } from '../contract/plain-text.js';

const LEVELS: Record<string, [name: string, color: string]> = {
  10: ['trace', '\x1b[90m'],
  20: ['debug', '\x1b[90m'],
  30: ['info', '\x1b[36m'],
  40: ['warn', '\x1b[33m'],
  50: ['error', '\x1b[31m'],
  60: ['fatal', '\x1b[31m'],
};
const DIM = '\x1b[2m';
const OFF = '\x1b[0m';

/**
 * A pino line for someone who reads along: time of day, level, message, then the fields. Escape codes in them are shown as
 * text. What is no pino line stays as it is.
 */
export function prettyLine(line: string, color: boolean): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof fields !== 'object' || fields === null) return line;
  const { level, time, msg, err, ...rest } = fields;
  const [name, tone] = LEVELS[String(level)] ?? [String(level), ''];
  const paint = (code: string, text: string) => (color ? `${code}${text}${OFF}` : text);
  const at = typeof time === 'string' ? time.slice(11, 19) : '';
  const told = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`);
  const head = [paint(DIM, at), paint(tone, name.padEnd(5)), plainText(String(msg ?? ''))];
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
  const tail = told.length === 0 ? '' : `  ${paint(DIM, plainText(told.join(' ')))}`;
  return `${head.join(' ')}${tail}${plainText(stack)}\n`;
}

/** Words as they are, all else as JSON, so that it is plain where a value ends. */
function shown(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
}
