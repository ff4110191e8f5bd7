/** What bytes are, judged by how they begin (and, for a few, how they go on): so that an error can say what was given instead. */

/** Kinds of file, with what a person calls them. */
export const FILE_KINDS = {
  empty: 'an empty file',
  json: 'JSON',
  'program-desc': 'a ProgramDesc (.pdmodel)',
  'tensor-stream': 'tensors as Paddle saves them (.pdiparams, or one variable)',
  pickle: 'a Python pickle (.pdparams, .pdopt)',
  npy: 'a NumPy array (.npy)',
  zip: 'a zip archive (.npz)',
  safetensors: 'a safetensors file',
  onnx: 'an ONNX model',
  hdf5: 'an HDF5 file',
  png: 'a PNG image',
  jpeg: 'a JPEG image',
  gif: 'a GIF image',
  pdf: 'a PDF document',
  gzip: 'a gzip archive',
  elf: 'an ELF executable or library',
  text: 'text',
  unknown: 'bytes of a kind that is not known here',
} as const

export type FileKind = keyof typeof FILE_KINDS

/** How files begin; a character is a byte. */
const MAGIC: readonly (readonly [kind: FileKind, start: string])[] = [
  ['png', '\x89PNG'],
  ['hdf5', '\x89HDF'],
  ['jpeg', '\xff\xd8\xff'],
  ['gif', 'GIF8'],
  ['pdf', '%PDF'],
  ['gzip', '\x1f\x8b'],
  ['npy', '\x93NUMPY'],
  ['zip', 'PK\x03\x04'],
  ['zip', 'PK\x05\x06'],
  ['elf', '\x7fELF'],
]

/** The kind of a file from its content. Cheap: looks at the first few hundred bytes. */
export function fileKind(bytes: Uint8Array): FileKind {
  if (bytes.length === 0) return 'empty'
  for (const [kind, start] of MAGIC) if (String.fromCharCode(...bytes.subarray(0, start.length)) === start) return kind
  // Before pickles: a header of 640 bytes begins as a pickle of protocol 2 does.
  if (isSafetensors(bytes)) return 'safetensors'
  if (bytes[0] === 0x80 && bytes.length > 2 && bytes[1]! >= 2 && bytes[1]! <= 5) return 'pickle'
  if (isProgramDesc(bytes)) return 'program-desc'
  if (isTensorStream(bytes)) return 'tensor-stream'
  // ModelProto: the version of the format, then the name of the producer or the graph.
  if (bytes[0] === 0x08 && bytes[1]! < 0x20 && (bytes[2] === 0x12 || bytes[2] === 0x3a)) return 'onnx'
  const start = textStart(bytes)
  if (bytes[start] === 0x7b || bytes[start] === 0x5b) return 'json'
  return isText(bytes) ? 'text' : 'unknown'
}

/** A first block that begins with its index. A newline, the same byte as the tag, is never followed by such a thing in JSON. */
function isProgramDesc(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x0a) return false
  let i = 1
  while (i < 6 && bytes[i]! >= 0x80) i++
  return bytes[i + 1] === 0x08
}

function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(4, true) === 0 && view.getUint32(0, true) <= bytes.length - 8
}

/** Version 0, few LoD levels; without levels also the tensor's version 0 and the size of a description that begins with its element type. */
function isTensorStream(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== 0 || view.getUint32(8, true) !== 0) return false
  const levels = view.getUint32(4, true)
  if (levels > 0) return levels < 16
  return view.getUint32(12, true) === 0 && view.getUint32(16, true) < 256 && bytes[20] === 0x08
}

/** Behind a byte-order mark and white space. */
function textStart(bytes: Uint8Array): number {
  let i = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  while (bytes[i] === 0x20 || bytes[i] === 0x09 || bytes[i] === 0x0a || bytes[i] === 0x0d) i++
  return i
}

/** UTF-8 or UTF-16 with a byte-order mark, and no control characters, as far as the first 512 bytes tell. */
function isText(bytes: Uint8Array): boolean {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return true
  const head = bytes.subarray(0, 512)
  for (const byte of head) if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false
  return isUtf8(head, true)
}

/** @param open whether the last character may be unfinished. */
export function isUtf8(bytes: Uint8Array, open: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: open })
    return true
  } catch {
    return false
  }
}
