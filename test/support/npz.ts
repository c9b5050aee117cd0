import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/profile/tables/zip.js';

/** A .npy file of float64 or int64 values (format 1.0), as numpy.save writes it. */
export function npy(
  values: readonly number[],
  shape = [values.length],
  descr = '<f8',
  fortran = false,
): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`;
  const header = `${dict.padEnd(128 - 10 - 1)}\n`;
  const out = Buffer.alloc(128 + 8 * values.length);
  out.write('\x93NUMPY\x01\x00', 0, 'latin1');
  out.writeUInt16LE(header.length, 8);
  out.write(header, 10, 'latin1');
  values.forEach((value, i) => {
    if (descr === '<i8') out.writeBigInt64LE(BigInt(value), 128 + 8 * i);
    else out.writeDoubleLE(value, 128 + 8 * i);
  });
  return out;
}

export interface ZipFile {
  name: string;
  data: Buffer;
  deflate?: boolean;
}

/** A zip archive, as zipfile of Python writes it. */
export function zip(files: readonly ZipFile[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, deflate = false } of files) {
    const packed = deflate ? deflateRawSync(data) : data;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)]),
    );
    parts.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(comment)]);
}

/** An npz archive of named arrays. */
export function npz(arrays: Record<string, Buffer>, deflate = true): Buffer {
  return zip(Object.entries(arrays).map(([name, data]) => ({ name: `${name}.npy`, data, deflate })));
}
