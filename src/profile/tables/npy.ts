import { SluiceError } from '../../contract/errors.js';

/** A numeric array of numpy: its values in C order, and its shape ([] for a scalar). */
export interface NpyArray {
  shape: readonly number[];
  values: readonly number[];
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

type Reader = (view: DataView, at: number) => number;

/** dtypes of a profile; big-endian and structured ones are refused. */
const DTYPES: Record<string, { bytes: number; read: Reader }> = {
  '<f8': { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  '<f4': { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  '<i8': { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  '<i4': { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  '<i2': { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  '|i1': { bytes: 1, read: (view, at) => view.getInt8(at) },
  '<u8': { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  '<u4': { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  '<u2': { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  '|u1': { bytes: 1, read: (view, at) => view.getUint8(at) },
};

/**
 * Reads a numpy .npy file (format 1.0, 2.0 or 3.0): little-endian integers and floats in C order.
 * @throws SluiceError invalid_config that names `source`.
 */
export function readNpy(bytes: Uint8Array, source: string): NpyArray {
  const fail = (problem: string) => new SluiceError('invalid_config', `${source}: ${problem}`);
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) throw fail('not a numpy array (.npy)');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) throw fail(`npy format ${major} is not supported (1 to 3 are)`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw fail('it is cut short in its header');
  const data = start + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (data > bytes.length) throw fail('it is cut short in its header');
  const header = parseHeader(new TextDecoder('latin1').decode(bytes.subarray(start, data)), fail);
  const dtype = DTYPES[header.descr];
  if (dtype === undefined) {
    throw fail(`dtype ${header.descr} is not supported (expected one of ${Object.keys(DTYPES).join(', ')})`);
  }
  const count = header.shape.reduce((product, size) => product * size, 1);
  if (header.fortran && header.shape.filter((size) => size > 1).length > 1) {
    throw fail('Fortran order is not supported (save it with numpy.ascontiguousarray)');
  }
  if (data + count * dtype.bytes !== bytes.length) {
    throw fail(`expected ${count * dtype.bytes} bytes of data, got ${bytes.length - data}`);
  }
  const values = Array.from({ length: count }, (_, i) => dtype.read(view, data + i * dtype.bytes));
  return { shape: header.shape, values };
}

/** The header is a Python dict literal with exactly the keys descr, fortran_order and shape. */
function parseHeader(
  text: string,
  fail: (problem: string) => SluiceError,
): { descr: string; fortran: boolean; shape: number[] } {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw fail(`expected a header with descr, fortran_order and shape, got ${JSON.stringify(text.trim())}`);
  }
  const sizes = shape
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  if (sizes.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw fail(`expected a shape of whole numbers, got (${shape})`);
  }
  return { descr, fortran: fortran === 'True', shape: sizes };
}
