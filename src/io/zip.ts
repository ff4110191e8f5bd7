/**
 * Zip archives, as far as .npz files need them: entries stored or deflated, found through the central directory, with every size checked
 * before anything is unpacked and the checksum after it. Zip64, encryption and archives in parts are refused.
 * Source: APPNOTE.TXT 6.3.10 (PKWARE).
 */
import { inflateSync, zipSync } from 'fflate'
import { InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { staysInside } from './file_name.ts'

const damaged = (what: string, offset: number): InvalidArgumentError =>
  new InvalidArgumentError('E536', `a zip archive is damaged: ${what}`, { where: { offset } })

/** Entries of one archive at most. */
const MAX_ENTRIES = 65_536
/** An archive may unpack to this many times its size, and to 64 MiB in any case: deflate reaches 1,032 only for what is all the same. */
const MAX_RATIO = 200
const FREE_BYTES = 64 * 2 ** 20
/** A byte of a deflated entry stands for at most four copies of 258 bytes. */
const MAX_DEFLATE = 1032

interface Entry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  /** Of the local header. */
  readonly offset: number
}

/**
 * The files of an archive by name, in its order.
 * @throws InvalidArgumentError E536 for a damaged archive, E537 for a name that leads out of it or comes twice; ResourceExhaustedError E605
 * beyond the limits.
 */
export function readZip(bytes: Uint8Array, limits: Partial<Limits> = {}): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries = directory(bytes, view)
  const most = Math.min(withLimits(limits).runBytes, Math.max(FREE_BYTES, MAX_RATIO * bytes.length))
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  if (total > most) {
    throw new ResourceExhaustedError('E605', `the archive unpacks to ${total} bytes, beyond the limit of ${most}`, {
      expected: `at most ${most} bytes`,
      got: total,
    })
  }
  const files = new Map<string, Uint8Array>()
  // No two entries share bytes: one packed block behind many entries would pass the check of the sum.
  let taken = 0
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
    if (entry.offset < taken) throw damaged(`"${entry.name}" overlaps another entry`, entry.offset)
    taken = unpack(bytes, view, entry, files)
  }
  return new Map(entries.map(({ name }) => [name, files.get(name)!]))
}

function directory(bytes: Uint8Array, view: DataView): Entry[] {
  const end = findEnd(bytes, view)
  const count = view.getUint16(end + 10, true)
  const size = view.getUint32(end + 12, true)
  let at = view.getUint32(end + 16, true)
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 8, true) !== count) {
    throw damaged('it is one part of several', end)
  }
  if (at + size > end) throw damaged('its directory lies outside of it', end)
  if (count > MAX_ENTRIES) throw damaged(`it has ${count} entries`, end)
  const entries: Entry[] = []
  const names = new Set<string>()
  const stop = at + size
  for (let i = 0; i < count; i++) {
    if (at + 46 > stop || view.getUint32(at, true) !== 0x02014b50) throw damaged('its directory ends too early', at)
    const flags = view.getUint16(at + 8, true)
    const nameLength = view.getUint16(at + 28, true)
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (next > stop) throw damaged('its directory ends too early', at)
    const name = entryName(bytes.subarray(at + 46, at + 46 + nameLength), at)
    if ((flags & 1) !== 0) throw damaged(`"${name}" is encrypted`, at)
    if (names.has(name)) throw badName(name, 'an entry twice', at)
    names.add(name)
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    })
    at = next
  }
  return entries
}

/** The end record: 22 bytes and a comment that reaches to the end. */
function findEnd(bytes: Uint8Array, view: DataView): number {
  for (let at = bytes.length - 22; at >= 0 && at >= bytes.length - 22 - 65_535; at--) {
    if (view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) === bytes.length) return at
  }
  throw damaged('it has no directory', bytes.length)
}

function entryName(raw: Uint8Array, offset: number): string {
  let name: string
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(raw)
  } catch {
    throw damaged('a name is not UTF-8', offset)
  }
  if (!staysInside(name)) throw badName(name, 'an entry', offset)
  return name
}

const badName = (name: string, what: string, offset: number): InvalidArgumentError =>
  new InvalidArgumentError('E537', `the archive has ${what} ${JSON.stringify(name)}`, { where: { offset }, got: name })

/** Unpacks one entry and returns where it ends in the archive. */
function unpack(bytes: Uint8Array, view: DataView, entry: Entry, files: Map<string, Uint8Array>): number {
  const { name, offset, packed, size, method } = entry
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== 0x04034b50) {
    throw damaged(`"${name}" is not where the directory says`, offset)
  }
  const nameEnd = offset + 30 + view.getUint16(offset + 26, true)
  if (nameEnd > bytes.length || entryName(bytes.subarray(offset + 30, nameEnd), offset) !== name) {
    throw damaged(`"${name}" has another name where it begins`, offset)
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true)
  if (start + packed > bytes.length) throw damaged(`"${name}" reaches beyond the end`, offset)
  const body = bytes.subarray(start, start + packed)
  if (method !== 0 && method !== 8) throw damaged(`"${name}" is packed by method ${method}`, offset)
  if (method === 0 && packed !== size) throw damaged(`"${name}" has ${packed} bytes in place of ${size}`, offset)
  if (size > MAX_DEFLATE * packed) throw damaged(`"${name}" cannot have ${size} bytes, packed in ${packed}`, offset)
  const file = method === 0 ? body : inflated(body, size, name, offset)
  if (crc32(file) !== entry.crc) throw damaged(`the checksum of "${name}" is wrong`, offset)
  files.set(name, file)
  return start + packed
}

/** Never more than `size` bytes: the space is fixed, and one byte more in it shows what is too long. */
function inflated(body: Uint8Array, size: number, name: string, offset: number): Uint8Array {
  let out: Uint8Array
  try {
    out = inflateSync(body, { out: new Uint8Array(size + 1) })
  } catch {
    throw damaged(`"${name}" cannot be unpacked`, offset)
  }
  if (out.length !== size) throw damaged(`"${name}" does not unpack to ${size} bytes`, offset)
  return out
}

/** An archive of files. Equal files give equal bytes. @param level 0 stores, 1 to 9 pack. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>, level: 0 | 6 = 0): Uint8Array {
  // The date is the first that zip knows, in local time as zip has it.
  return zipSync(Object.fromEntries(files), { level, mtime: new Date(1980, 0, 1) })
}

const CRC_TABLE = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
