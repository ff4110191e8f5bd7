/**
 * Tensors as Paddle's `save` and `save_combine` operators write them, one stream after another without names, magic numbers or padding:
 * version, LoD, then version, description (a TensorDesc message) and the elements. Source: paddle/phi/core/serialization.cc,
 * paddle/fluid/framework/lod_tensor.cc, tensor_util.cc, selected_rows_utils.cc (2.6.2).
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { type Limits, withLimits } from '../framework/limits.ts'
import { WireType } from '../framework/wire_format.ts'
import { WireReader } from '../framework/wire_reader.ts'
import { WireWriter } from '../framework/wire_writer.ts'
import { byteSize, type DType, dtypeFromProto, dtypeToProto } from '../tensor/dtype.ts'
import { formatShape } from '../tensor/shape.ts'
import { SelectedRows, type Tensor } from '../tensor/tensor.ts'
import { ByteReader, ByteWriter, countOf, dataBytes, notHeld, tensorFromBytes } from './bytes.ts'

export interface StreamOptions {
  /** Named in errors. */
  readonly file?: string
  readonly limits?: Partial<Limits>
}

/** A value and the position behind it. */
export interface StreamRead<V> {
  readonly value: V
  readonly end: number
}

const damaged = (what: string, offset: number): InvalidArgumentError =>
  new InvalidArgumentError('E532', `a saved tensor is damaged: ${what}`, { where: { offset } })

/** The errors of `body` with the name of the file. */
export function inFile<T>(file: string | undefined, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof EnforceError && file !== undefined) throw error.at({ file })
    throw error
  }
}

/**
 * One LoDTensor stream that begins at `offset`.
 * @throws InvalidArgumentError E532 with the offset; UnimplementedError E513 for an element type that is not held here;
 * ResourceExhaustedError E604 for too many elements.
 */
export function readTensorStream(bytes: Uint8Array, offset = 0, options: StreamOptions = {}): StreamRead<Tensor> {
  return inFile(options.file, () => {
    const limits = withLimits(options.limits)
    const reader = new ByteReader(bytes, damaged, offset)
    needVersion(reader, 'the version of the LoD')
    const lod = readLod(reader)
    const value = readTensor(reader, limits, lod)
    return { value, end: reader.pos }
  })
}

function needVersion(reader: ByteReader, what: string): void {
  const at = reader.pos
  const version = reader.u32(what)
  if (version !== 0) throw damaged(`${what} must be 0, got ${version}`, at)
}

function readLod(reader: ByteReader): number[][] {
  const at = reader.pos
  const levels = reader.u64('the number of LoD levels')
  // Each level takes eight bytes at least.
  if (levels > reader.left / 8) throw damaged(`${levels} LoD levels, but ${reader.left} bytes are left`, at)
  const lod: number[][] = []
  for (let level = 0; level < levels; level++) {
    const start = reader.pos
    const size = reader.u64('the size of a LoD level')
    if (size % 8 !== 0 || size > reader.left) {
      throw damaged(`a LoD level of ${size} bytes, where ${reader.left} are left and each offset takes 8`, start)
    }
    const offsets: number[] = []
    for (let i = 0; i < size / 8; i++) offsets.push(reader.u64('an offset of the LoD'))
    lod.push(offsets)
  }
  return lod
}

/** Offsets start at 0 and do not fall; each level cuts up the next one, the last one the rows. */
function checkLod(lod: readonly (readonly number[])[], rows: number, at: number): void {
  lod.forEach((offsets, level) => {
    const next = lod[level + 1]
    const end = next === undefined ? rows : next.length - 1
    const rises = offsets.every((offset, i) => i === 0 || offset >= offsets[i - 1]!)
    if (offsets.length === 0 || offsets[0] !== 0 || !rises || offsets.at(-1) !== end) {
      throw damaged(`LoD level ${level} must go from 0 to ${end} without falling`, at)
    }
  })
}

function readTensor(reader: ByteReader, limits: Limits, lod: readonly (readonly number[])[] = []): Tensor {
  const start = reader.pos
  needVersion(reader, 'the version of the tensor')
  const at = reader.pos
  const size = reader.i32('the size of the description')
  if (size < 0 || size > reader.left) {
    throw damaged(`a description of ${size} bytes, where ${reader.left} are left`, at)
  }
  const { dtype, shape } = readDescription(reader.slice(size, 'the description'), at + 4, limits)
  const count = countOf(shape, limits.tensorElements, { offset: at })
  const wanted = count * byteSize(dtype)
  if (wanted > reader.left) {
    throw damaged(`${dtype}${formatShape(shape)} has ${wanted} bytes, but ${reader.left} are left`, reader.pos)
  }
  checkLod(lod, shape[0] ?? 1, start)
  return tensorFromBytes(dtype, shape, reader.slice(wanted, 'the elements'), lod)
}

/** VarType.TensorDesc: data_type = 1, dims = 2. */
function readDescription(bytes: Uint8Array, base: number, limits: Limits): { dtype: DType; shape: number[] } {
  let number: number | undefined
  const shape: number[] = []
  try {
    const reader = new WireReader(bytes, base)
    reader.fields(
      (field) => {
        if (field === 1) number = reader.int32()
        else if (field === 2) {
          reader.repeated(WireType.Varint, () => {
            const dim = reader.int64()
            if (typeof dim === 'bigint' || dim < 0) throw damaged(`a dimension of ${dim}`, base)
            shape.push(dim)
            if (shape.length > limits.rank) throw damaged(`more than ${limits.rank} dimensions`, base)
          })
        } else return false
        return true
      },
      // Nobody writes others, and the number of a field that was changed must not take its value away.
      () => {
        throw damaged('its description has a field that no description has', base)
      },
    )
  } catch (error) {
    if (!(error instanceof EnforceError) || error.code === 'E532') throw error
    throw damaged(`its description: ${error.summary.replace(/^[^:]*: /, '')}`, error.where?.offset ?? base)
  }
  if (number === undefined) throw damaged('its description has no element type', base)
  const dtype = dtypeFromProto(number)
  if (dtype !== undefined) return { dtype, shape }
  // SIZE_T; other numbers of VarType.Type are no element types.
  if (number === 19) throw notHeld('size_t', { offset: base })
  throw damaged(`${number} is no element type`, base)
}

/** Appends a LoDTensor stream. */
export function writeTensorStream(tensor: Tensor, to = new ByteWriter()): ByteWriter {
  to.u32(0).u64(tensor.lod?.length ?? 0)
  for (const offsets of tensor.lod ?? []) {
    to.u64(offsets.length * 8)
    for (const offset of offsets) to.u64(offset)
  }
  return writeTensor(tensor, to)
}

function writeTensor(tensor: Tensor, to: ByteWriter): ByteWriter {
  const desc = new WireWriter().tag(1, WireType.Varint).int32(dtypeToProto(tensor.dtype))
  for (const dim of tensor.shape) desc.tag(2, WireType.Varint).int64(dim)
  const description = desc.finish()
  return to.u32(0).u32(description.length).raw(description).raw(dataBytes(tensor))
}

/**
 * One SelectedRows stream that begins at `offset`.
 * @throws as {@link readTensorStream}; E532 also for rows outside of the height.
 */
export function readSelectedRowsStream(
  bytes: Uint8Array,
  offset = 0,
  options: StreamOptions = {},
): StreamRead<SelectedRows> {
  return inFile(options.file, () => {
    const limits = withLimits(options.limits)
    const reader = new ByteReader(bytes, damaged, offset)
    needVersion(reader, 'the version of the selected rows')
    const at = reader.pos
    const count = reader.u64('the number of rows')
    if (count > reader.left / 8) throw damaged(`${count} rows, but ${reader.left} bytes are left`, at)
    const rows: number[] = []
    for (let i = 0; i < count; i++) rows.push(Number(reader.i64('a row')))
    const heightAt = reader.pos
    const height = Number(reader.i64('the height'))
    if (!Number.isSafeInteger(height) || height < 0) throw damaged(`a height of ${height}`, heightAt)
    const outside = rows.find((row) => !(row >= 0 && row < height))
    if (outside !== undefined) throw damaged(`row ${outside} is outside of the height ${height}`, at)
    const value = readTensor(reader, limits)
    if (value.shape[0] !== rows.length) {
      throw damaged(`${rows.length} rows, but a value of shape ${formatShape(value.shape)}`, at)
    }
    return { value: new SelectedRows(rows, height, value), end: reader.pos }
  })
}

/** Appends a SelectedRows stream. */
export function writeSelectedRowsStream(sparse: SelectedRows, to = new ByteWriter()): ByteWriter {
  to.u32(0).u64(sparse.rows.length)
  for (const row of sparse.rows) to.u64(row)
  return writeTensor(sparse.value, to.u64(sparse.height))
}

/**
 * The only tensor of a file: a variable saved on its own.
 * @throws as {@link readTensorStream}, and E532 for bytes behind it.
 */
export function readSingleTensor(bytes: Uint8Array, options: StreamOptions = {}): Tensor {
  return inFile(options.file, () => {
    const { value, end } = readTensorStream(bytes, 0, options)
    if (end !== bytes.length) throw damaged(`${bytes.length - end} bytes follow its end`, end)
    return value
  })
}
