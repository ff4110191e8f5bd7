/**
 * NumPy's .npy files, format versions 1.0, 2.0 and 3.0: one array of numbers, little endian. Written in C order; Fortran order is read too.
 * bfloat16 is kept as `V2`, as the package ml_dtypes does. Object arrays (pickle) are refused without looking at them.
 * Source: numpy/lib/format.py (its docstring is the specification).
 */
import { EnforceError, InvalidArgumentError, ResourceExhaustedError, UnimplementedError } from '../errors.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { byteSize, type DType, isComplex, makeView, type TensorData } from '../tensor/dtype.ts'
import { formatShape, numel, rowMajorStrides } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

export interface NpyOptions {
  /** Named in errors. */
  readonly file?: string
  readonly limits?: Partial<Limits>
}

const MAGIC = '\x93NUMPY'
/** numpy itself refuses to evaluate headers beyond 10,000 characters unless told otherwise. */
const MAX_HEADER = 65_536

/** What NumPy calls our element types. */
const DESCR: Readonly<Record<DType, string>> = {
  bool: '|b1',
  int8: '|i1',
  uint8: '|u1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  float16: '<f2',
  bfloat16: '<V2',
  float32: '<f4',
  float64: '<f8',
  complex64: '<c8',
  complex128: '<c16',
}

/** By kind and size, without the byte order. */
const BY_KIND = new Map<string, DType>(
  (Object.entries(DESCR) as [DType, string][]).map(([dtype, descr]) => [descr.slice(1), dtype]),
)

/** True if the bytes begin as a .npy file does. */
export const isNpy = (bytes: Uint8Array): boolean => latin1(bytes, 0, MAGIC.length) === MAGIC

/**
 * The array of a .npy file, in memory of its own.
 * @throws InvalidArgumentError E511 for a header that is none, E514 for more or fewer bytes than the shape says; UnimplementedError E512 for
 * another format version, E513 for an element type or byte order that is not held here; ResourceExhaustedError E604 for too many elements.
 */
export function readNpy(bytes: Uint8Array, options: NpyOptions = {}): Tensor {
  try {
    return readArray(bytes, withLimits(options.limits))
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}

function readArray(bytes: Uint8Array, limits: Limits): Tensor {
  if (!isNpy(bytes)) {
    throw broken('does not begin as a .npy file does', '\\x93NUMPY', JSON.stringify(latin1(bytes, 0, MAGIC.length)))
  }
  const major = bytes[6]
  const minor = bytes[7]
  if (major === undefined || minor === undefined)
    throw broken('ends in its header', 'a version', `${bytes.length} bytes`)
  if (major < 1 || major > 3 || minor !== 0) {
    throw new UnimplementedError('E512', `format version ${major}.${minor} of .npy files is not known`, {
      expected: '1.0, 2.0 or 3.0',
      got: `${major}.${minor}`,
    })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = major === 1 ? 10 : 12
  if (bytes.length < start) throw broken('ends in its header', `${start} bytes`, `${bytes.length} bytes`)
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > MAX_HEADER)
    throw broken('has a header that is too long', `at most ${MAX_HEADER} bytes`, `${length} bytes`)
  if (bytes.length < start + length) {
    throw broken('ends in its header', `${start + length} bytes`, `${bytes.length} bytes`)
  }
  const text = major === 3 ? utf8(bytes.subarray(start, start + length)) : latin1(bytes, start, length)
  const { descr, fortran, shape } = parseHeader(text)
  const dtype = dtypeOf(descr)
  if (shape.length > limits.rank) throw tooLarge(`${shape.length} dimensions`, `at most ${limits.rank}`, limits.rank)
  const count = shape.reduce((total, dim) => total * dim, 1)
  if (!(count <= limits.tensorElements)) {
    throw tooLarge(`${count} elements`, `at most ${limits.tensorElements} elements`, limits.tensorElements)
  }
  const wanted = count * byteSize(dtype)
  const got = bytes.length - start - length
  if (got !== wanted) {
    throw new InvalidArgumentError(
      'E514',
      `a ${dtype} array of shape ${formatShape(shape)} has ${wanted} bytes, but the file holds ${got}`,
      {
        expected: wanted,
        got,
        hint: got < wanted ? 'the file was cut off' : 'the file holds something behind the array',
      },
    )
  }
  const buffer = new ArrayBuffer(wanted)
  const own = new Uint8Array(buffer)
  own.set(bytes.subarray(start + length))
  // A kernel may rely on true being 1.
  if (dtype === 'bool') for (let i = 0; i < own.length; i++) if (own[i] !== 0) own[i] = 1
  const data = makeView(dtype, buffer, 0, count)
  return new Tensor(dtype, shape, fortran && shape.length > 1 ? toRowMajor(dtype, data, shape) : data)
}

/** The bytes of a .npy file, version 1.0. Equal tensors give equal bytes. */
export function writeNpy(tensor: Tensor): Uint8Array {
  const { dtype, shape, data } = tensor
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dict = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`
  // The data begins at a multiple of 64 bytes.
  const start = Math.ceil((10 + dict.length + 1) / 64) * 64
  const header = `${MAGIC}\x01\x00  ${dict.padEnd(start - 11)}\n`
  const bytes = new Uint8Array(start + data.byteLength)
  for (let i = 0; i < start; i++) bytes[i] = header.charCodeAt(i)
  new DataView(bytes.buffer).setUint16(8, start - 10, true)
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start)
  return bytes
}

interface Header {
  readonly descr: string
  readonly fortran: boolean
  readonly shape: number[]
}

/** The Python dict literal of the header: exactly the members descr, fortran_order and shape, in any order. */
function parseHeader(text: string): Header {
  let at = 0
  const skip = (): void => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  }
  const fail = (expected: string): InvalidArgumentError =>
    broken(`has a header that cannot be read at character ${at}`, expected, JSON.stringify(text.slice(at, at + 20)))
  const take = (char: string): boolean => {
    skip()
    if (text[at] !== char) return false
    at++
    return true
  }
  const need = (char: string): void => {
    if (!take(char)) throw fail(`"${char}"`)
  }
  const match = (pattern: RegExp, expected: string): string => {
    skip()
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) throw fail(expected)
    at = pattern.lastIndex
    return found[1]!
  }
  const parseText = (): string => match(/'([^'\\]*)'/y, "a text in '…'")
  const parseTuple = (): number[] => {
    need('(')
    const dims: number[] = []
    while (!take(')')) {
      // Python 2 wrote long numbers as 3L.
      const dim = Number(match(/(\d{1,16})L?(?![\w.])/y, 'a dimension'))
      if (!Number.isSafeInteger(dim)) throw fail('a dimension below 2^53')
      dims.push(dim)
      if (!take(',')) {
        need(')')
        break
      }
    }
    return dims
  }
  let descr: string | undefined
  let fortran: boolean | undefined
  let shape: number[] | undefined
  need('{')
  while (!take('}')) {
    const key = parseText()
    need(':')
    skip()
    if (key === 'descr') {
      if (text[at] === '[') throw notHeld('a record of several fields', 'save each field on its own')
      descr = parseText()
    } else if (key === 'fortran_order') fortran = match(/(True|False)/y, 'True or False') === 'True'
    else if (key === 'shape') shape = parseTuple()
    else throw fail('one of descr, fortran_order, shape')
    if (!take(',')) {
      need('}')
      break
    }
  }
  skip()
  if (at < text.length) throw fail('the end of the header')
  if (descr === undefined || fortran === undefined || shape === undefined) {
    const missing = descr === undefined ? 'descr' : fortran === undefined ? 'fortran_order' : 'shape'
    throw broken('has an incomplete header', 'descr, fortran_order and shape', `no ${missing}`)
  }
  return { descr, fortran, shape }
}

function dtypeOf(descr: string): DType {
  const order = descr[0]!
  const dtype = BY_KIND.get(descr.slice(1))
  if (dtype !== undefined && ('<|='.includes(order) || (order === '>' && byteSize(dtype) === 1))) return dtype
  if (dtype !== undefined && order === '>')
    throw notHeld(`big-endian numbers, ${descr}`, `array.astype('${DESCR[dtype]}')`)
  const hint = descr.includes('O')
    ? 'an object array is a pickle, which is never opened here'
    : descr.slice(1) === 'u2'
      ? "array.astype('<i4'), or array.view('<V2') if these are the bits of bfloat16"
      : /^.u[48]$/.test(descr)
        ? "array.astype('<i8')"
        : undefined
  throw notHeld(JSON.stringify(descr), hint)
}

/** The elements of an array that lies column by column, row by row. */
export function toRowMajor(dtype: DType, from: TensorData, shape: readonly number[]): TensorData {
  const parts = isComplex(dtype) ? 2 : 1
  const out = makeView(dtype, new ArrayBuffer(from.byteLength), 0, numel(shape))
  const strides = rowMajorStrides(shape)
  const index = new Array<number>(shape.length).fill(0)
  let target = 0
  for (let source = 0; source < from.length; source += parts) {
    for (let part = 0; part < parts; part++) out[target * parts + part] = from[source + part]!
    // The first dimension runs fastest.
    for (let d = 0; d < shape.length; d++) {
      target += strides[d]!
      if (++index[d]! < shape[d]!) break
      target -= strides[d]! * shape[d]!
      index[d] = 0
    }
  }
  return out
}

const broken = (what: string, expected: string, got: string): InvalidArgumentError =>
  new InvalidArgumentError('E511', `this file ${what}: wanted ${expected}, got ${got}`, { expected, got })

const notHeld = (what: string, hint?: string): UnimplementedError =>
  new UnimplementedError('E513', `arrays of ${what} are not read`, {
    expected: Object.values(DESCR),
    got: what,
    hint,
  })

const tooLarge = (got: string, expected: string, limit: number): ResourceExhaustedError =>
  new ResourceExhaustedError('E604', `an array of ${got} is beyond the limit of ${limit}`, { expected, got })

function latin1(bytes: Uint8Array, start: number, length: number): string {
  let text = ''
  for (let i = start; i < Math.min(bytes.length, start + length); i++) text += String.fromCharCode(bytes[i]!)
  return text
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw broken('has a header that is no UTF-8', 'UTF-8 text', 'other bytes')
  }
}
