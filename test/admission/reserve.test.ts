import { describe, expect, it } from 'vitest';
import { type HeldWork, LATELY_MS, Reserve, roomForExcess } from '../../src/admission/reserve.js';

const NONE: HeldWork = { room: 64, free: 64, held: 0, unbegun: 0, within: 0, due: 0 };

describe('the room for excess work', () => {
  it('is all but the last sixteenth at once, and there one prompt at a time, but not the last sixty-fourth', () => {
    expect(roomForExcess(NONE)).toBe(60);
    expect(roomForExcess({ ...NONE, room: 4, free: 4, held: 60 })).toBe(1);
    expect(roomForExcess({ ...NONE, room: 4, free: 4, held: 60, unbegun: 1 })).toBe(0);
    expect(roomForExcess({ ...NONE, room: 1, free: 1, held: 63 })).toBe(0);
  });

  it('leaves what others are due, up to half of all places', () => {
    expect(roomForExcess({ ...NONE, room: 14, free: 14, held: 50, within: 5, due: 10 })).toBe(4);
    expect(roomForExcess({ ...NONE, room: 10, free: 10, held: 54, within: 5, due: 10 })).toBe(0);
    // Half of 64 places, of which they have 30.
    expect(roomForExcess({ ...NONE, room: 20, free: 20, held: 44, within: 30, due: 40 })).toBe(16);
    expect(roomForExcess({ ...NONE, room: 4, free: 4, held: 4, within: 1, due: 2 })).toBe(2);
  });

  it('is no more than the prompts that wait leave, and counts what is due by places', () => {
    expect(roomForExcess({ ...NONE, room: 5, free: 40, held: 24, within: 2, due: 10 })).toBe(3);
    expect(roomForExcess({ ...NONE, room: 0, free: 40, held: 24, unbegun: 2, due: 10 })).toBe(0);
  });
});

describe('a reserve', () => {
  it('is crowded for five seconds after excess work was taken in its turn', () => {
    const reserve = new Reserve();
    expect(reserve.isCrowded(0)).toBe(false);
    reserve.tookExcess(1_000, false);
    expect(reserve.isCrowded(1_001)).toBe(false);
    reserve.tookExcess(2_000);
    expect([reserve.isCrowded(7_000), reserve.isCrowded(7_001)]).toEqual([true, false]);
  });

  it('is on for a minute after both kinds of work were there', () => {
    const reserve = new Reserve();
    reserve.tookExcess(0, false);
    expect(reserve.isOn(1)).toBe(false);
    reserve.heardWithin(30_000);
    expect([reserve.isOn(LATELY_MS), reserve.isOn(LATELY_MS + 1)]).toEqual([true, false]);
  });
});
