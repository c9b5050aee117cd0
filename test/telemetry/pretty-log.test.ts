import { pino } from 'pino';
import { expect, test } from 'vitest';
import { prettyLine } from '../../src/telemetry/pretty-log.js';

function written(say: (log: pino.Logger) => void, color = false): string {
  let text = '';
  const options = { base: null, timestamp: () => ',"time":"2026-01-02T03:04:05.678Z"' };
  const write = (line: string) => {
    text += prettyLine(line, color);
  };
  say(pino(options, { write }));
  return text;
}

test('a line tells time, level, message and fields, in colour where that is asked for', () => {
  const say = (log: pino.Logger) =>
    log.warn({ pool: 'high', state: 'scaleUp', why: 'two words' }, 'planner acts');
  expect(written(say)).toBe('03:04:05 warn  planner acts  pool=high state=scaleUp why="two words"\n');
  expect(written(say, true)).toBe(
    '\x1b[2m03:04:05\x1b[0m \x1b[33mwarn \x1b[0m planner acts  \x1b[2mpool=high state=scaleUp why="two words"\x1b[0m\n',
  );
});

test('an error is told with its stack', () => {
  expect(written((log) => log.error({ err: new Error('no such pool') }, 'stop failed'))).toMatch(
    /^03:04:05 error stop failed\nError: no such pool\n {4}at /,
  );
});

test('escape codes in a message, a field, its name or a stack reach no terminal', () => {
  const evil = 'x\x1b[2J\u202ey\x9b31m';
  const text = written((log) => log.info({ tenant: evil, [evil]: 1, err: new Error(evil) }, evil));
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  expect(text).toContain('x\\u001b[2J\\u202ey\\u009b31m');
});

test('what is no JSON stays as it is', () => {
  expect(prettyLine('plain\n', true)).toBe('plain\n');
});
