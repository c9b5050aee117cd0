import { describe, expect, it } from 'vitest';
import { parseReply, type TokenFrame } from '../../src/contract/reply.js';

const frame: TokenFrame = {
  type: 'tokens',
  id: 'a',
  index: 0,
  tokens: ['x', 'y'],
  atMs: [1, 2],
  workerId: 'w',
};
const end = { type: 'end', id: 'a', outcome: { kind: 'failed', code: 'internal', message: 'm' } };
const moved = { type: 'moved', id: 'a', pool: 'medium' };

describe('a message of a reply channel', () => {
  it.each([
    [[frame]],
    [[frame, { ...frame, id: 'b', index: 7 }]],
    [[end]],
    [[moved]],
    [[frame, end, moved]],
    [[]],
  ])('is read as it was written: %j', (frames) => {
    expect(parseReply(JSON.stringify(frames))).toEqual(frames);
  });

  it.each([
    ['no JSON', '['],
    ['no list', JSON.stringify(frame)],
    ['another type', [{ ...frame, type: 'token' }]],
    ['no id', [{ ...frame, id: 1 }]],
    ['a negative index', [{ ...frame, index: -1 }]],
    ['half an index', [{ ...frame, index: 0.5 }]],
    ['an index that is no number', [{ ...frame, index: '0' }]],
    ['tokens that are no texts', [{ ...frame, tokens: ['x', 1] }]],
    ['no tokens', [{ ...frame, tokens: 'x' }]],
    ['times that are no numbers', [{ ...frame, atMs: [null, 2] }]],
    ['no worker', [{ ...frame, workerId: null }]],
    ['one that is wrong among others', [frame, { ...frame, atMs: {} }]],
    ['null', [null]],
  ])('yields nothing where it has %s', (_, value) => {
    expect(parseReply(typeof value === 'string' ? value : JSON.stringify(value))).toEqual([]);
  });
});
