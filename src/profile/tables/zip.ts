import { inflateRawSync } from 'node:zlib';
import { SluiceError } from '../../contract/errors.js';

// PKWARE APPNOTE.TXT 6.3: sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
const END = { signature: 0x06054b50, bytes: 22 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const ENCRYPTED = 0x0001;
const STORED = 0;
const DEFLATED = 8;
const ZIP64 = 0xffffffff;
/** A profile is a few kilobytes; a larger entry is a mistake or an attack, and is not unpacked. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The files of a zip archive by name, unpacked: stored or deflated, checked against their size and CRC-32. Leaves out
 * on purpose: zip64, encryption and archives in several parts, which numpy does not write for tables of this size.
 * @throws SluiceError invalid_config that names `source` and the entry.
 */
export function readZip(bytes: Uint8Array, source: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (problem: string) => new SluiceError('invalid_config', `${source}: ${problem}`);
  const end = findEnd(view);
  if (end === null) throw fail('not a zip archive (npz): no end of central directory');
  const count = view.getUint16(end + 10, true);
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 8, true) !== count) {
    throw fail('a zip archive in several parts is not supported');
  }
  let at = view.getUint32(end + 16, true);
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const entry = readEntry(view, bytes, at, () => fail(`zip directory is broken at entry ${i}`));
    if (files.has(entry.name)) throw fail(`zip entry ${entry.name} is there twice`);
    files.set(
      entry.name,
      unpack(view, bytes, entry, (problem) => fail(`zip entry ${entry.name}: ${problem}`)),
    );
    at = entry.next;
  }
  return files;
}

interface Entry {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  local: number;
  next: number;
}

/** The end record stands last, before a comment of at most 65,535 bytes. */
function findEnd(view: DataView): number | null {
  const last = view.byteLength - END.bytes;
  for (let at = last; at >= 0 && at >= last - 0xffff; at--) {
    if (view.getUint32(at, true) !== END.signature) continue;
    if (at + END.bytes + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  return null;
}

function readEntry(view: DataView, bytes: Uint8Array, at: number, broken: () => SluiceError): Entry {
  if (at + ENTRY.bytes > bytes.length || view.getUint32(at, true) !== ENTRY.signature) throw broken();
  const nameBytes = view.getUint16(at + 28, true);
  const next = at + ENTRY.bytes + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  if (next > bytes.length) throw broken();
  return {
    name: new TextDecoder().decode(bytes.subarray(at + ENTRY.bytes, at + ENTRY.bytes + nameBytes)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    local: view.getUint32(at + 42, true),
    next,
  };
}

function unpack(
  view: DataView,
  bytes: Uint8Array,
  entry: Entry,
  fail: (problem: string) => SluiceError,
): Uint8Array {
  const { local, packed, size, method } = entry;
  if ((entry.flags & ENCRYPTED) !== 0) throw fail('encrypted entries are not supported');
  if (packed === ZIP64 || size === ZIP64 || local === ZIP64) throw fail('zip64 is not supported');
  if (size > MOST_BYTES) throw fail(`expected at most ${MOST_BYTES} bytes, got ${size}`);
  if (local + LOCAL.bytes > bytes.length || view.getUint32(local, true) !== LOCAL.signature) {
    throw fail('its local header is broken');
  }
  const start = local + LOCAL.bytes + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > bytes.length) throw fail('it is cut short');
  const data = inflate(bytes.subarray(start, start + packed), method, size, fail);
  if (data.length !== size) throw fail(`expected ${size} bytes, got ${data.length}`);
  if (crc32(data) !== entry.crc) throw fail('its checksum is wrong');
  return data;
}

function inflate(
  data: Uint8Array,
  method: number,
  size: number,
  fail: (problem: string) => SluiceError,
): Uint8Array {
  if (method === STORED) return data;
  if (method !== DEFLATED) throw fail(`compression method ${method} is not supported (stored or deflate is)`);
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw fail(`cannot be unpacked (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** CRC-32 of IEEE 802.3, reflected; by bit, since tables are small and node:zlib has one only from 22.2. */
export function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return (crc ^ 0xffffffff) >>> 0;
}
