import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readNpy } from '../../../src/profile/tables/npy.js';
import { crc32, readZip } from '../../../src/profile/tables/zip.js';
import { npy, zip } from '../../support/npz.js';

const text = Buffer.from('four score and seven years ago '.repeat(20));

describe('zip archives', () => {
  it.each([true, false])('unpacks its files (deflated: %s), before a comment too', (deflate) => {
    const archive = zip(
      [
        { name: 'a', data: text, deflate },
        { name: 'b/c', data: Buffer.from('x'), deflate },
      ],
      'a comment',
    );
    const files = readZip(archive, 'f.npz');
    expect([...files.keys()]).toEqual(['a', 'b/c']);
    expect(Buffer.from(files.get('a') ?? []).equals(text)).toBe(true);
  });

  it('has the checksum that the standard gives for 123456789', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  const archive = zip([{ name: 'a', data: text, deflate: true }]);
  const central = archive.length - 22 - 47;
  const changed = (at: number, change: (copy: Buffer, at: number) => void) => {
    const copy = Buffer.from(archive);
    change(copy, at);
    return copy;
  };
  it.each([
    ['not a zip archive', Buffer.from('PK nothing')],
    ['not a zip archive', archive.subarray(0, archive.length - 5)],
    ['checksum is wrong', changed(central + 16, (copy, at) => copy.writeUInt32LE(1, at))],
    ['encrypted', changed(central + 8, (copy, at) => copy.writeUInt16LE(1, at))],
    ['method 12 is not supported', changed(central + 10, (copy, at) => copy.writeUInt16LE(12, at))],
    ['zip64 is not supported', changed(central + 20, (copy, at) => copy.writeUInt32LE(0xffffffff, at))],
    ['expected at most', changed(central + 24, (copy, at) => copy.writeUInt32LE(0xfffffff0, at))],
    ['local header is broken', changed(central + 42, (copy, at) => copy.writeUInt32LE(7, at))],
    ['directory is broken', changed(archive.length - 6, (copy, at) => copy.writeUInt32LE(3, at))],
    [
      'is there twice',
      zip([
        { name: 'a', data: text },
        { name: 'a', data: text },
      ]),
    ],
  ])('says what is wrong: %s', (message, bytes) => {
    expect(() => readZip(bytes, 'f.npz')).toThrow(new RegExp(`^f\\.npz: .*${message}`));
  });

  it('throws nothing but its own errors on damaged archives', () => {
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.nat(255), (at, byte) => {
        const copy = Buffer.from(archive);
        copy[at] = byte;
        try {
          readZip(copy, 'f.npz');
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_config' });
        }
      }),
    );
  });
});

describe('numpy arrays', () => {
  it('reads floats and integers with their shape', () => {
    expect(readNpy(npy([1.5, -2, Number.NaN]), 'a')).toEqual({ shape: [3], values: [1.5, -2, Number.NaN] });
    expect(readNpy(npy([1, 2, 3, 4], [2, 2], '<i8'), 'a')).toEqual({ shape: [2, 2], values: [1, 2, 3, 4] });
  });

  it.each([
    ['not a numpy array', Buffer.from('nothing of the sort')],
    ['dtype >f8 is not supported', npy([1], [1], '>f8')],
    ['Fortran order', npy([1, 2, 3, 4], [2, 2], '<f8', true)],
    ['expected 16 bytes of data, got 8', npy([1], [2])],
    ['cut short in its header', npy([1]).subarray(0, 60)],
  ])('says what is wrong: %s', (message, bytes) => {
    expect(() => readNpy(bytes, 'p.npz: isl')).toThrow(message);
  });
});
