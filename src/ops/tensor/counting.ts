/** Places and counts of whole numbers: searchsorted, bincount, sequence_mask and shard_index. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType } from '../../framework/infer.ts'
import { defineOp, type KernelContext, type Meta, one, optional } from '../../framework/op_def.ts'
import { ALL, type DType, INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, product } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { fillZero, requireRank } from './indices.ts'
import { numberInput } from './shape_inputs.ts'

const store = (out: RawTensor, i: number, value: number): void => {
  if (out.data instanceof BigInt64Array) out.data[i] = BigInt(value)
  else out.data[i] = value
}

/** How many of the sorted elements x[from..from + size) go before `value`: those below it, with `right` also those equal to it. */
function placeOf(x: Float64Array, from: number, size: number, value: number, right: boolean): number {
  let [low, high] = [0, size]
  while (low < high) {
    const middle = (low + high) >> 1
    const at = x[from + middle]!
    if (right ? at <= value : at < value) low = middle + 1
    else high = middle
  }
  return low
}

type SearchInputs = { SortedSequence: RawTensor; Values: RawTensor }

function search(
  { SortedSequence, Values }: SearchInputs,
  { right }: { right: boolean },
  { Out }: { Out: RawTensor },
): void {
  const size = SortedSequence.shape.at(-1)!
  const perRow = SortedSequence.shape.length === 1 ? Values.data.length : Values.shape.at(-1)!
  const [x, values] = [SortedSequence.data as Float64Array, Values.data as Float64Array]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    // Paddle takes a value that is infinite or no number for larger than all.
    const finite = Values.data instanceof BigInt64Array || Number.isFinite(value)
    store(Out, i, finite ? placeOf(x, Math.floor(i / perRow) * size, size, value, right) : size)
  }
}

export const searchsorted = defineOp({
  type: 'searchsorted',
  doc: 'Where each of Values would be put into the sorted rows of SortedSequence, so that they stay sorted.',
  source: 'paddle/phi/kernels/cpu/searchsorted_kernel.cc',
  inputs: {
    SortedSequence: one('[..., N], ascending in the last dimension.', NUMBERS),
    Values: one('Any shape for a 1-D sequence, else that of SortedSequence but for the last dimension.', NUMBERS),
  },
  outputs: { Out: one('Shape of Values, int64 or int32.') },
  attrs: {
    out_int32: attr.bool(false, { doc: 'Out is int32.' }),
    right: attr.bool(false, { doc: 'Put behind equal elements, else in front of them.' }),
  },
  inferMeta({ SortedSequence, Values }, { out_int32 }) {
    requireSameDType('searchsorted', { SortedSequence, Values })
    const { shape } = SortedSequence
    const rows = shape.slice(0, -1)
    const fits =
      shape.length === 1 ||
      (shape.length > 1 &&
        Values.shape.length === shape.length &&
        rows.every((dim, d) => dim < 0 || Values.shape[d]! < 0 || dim === Values.shape[d]))
    if (!fits) {
      throw new InvalidArgumentError(
        'E203',
        `searchsorted: Values must have the dimensions of SortedSequence but the last one, ${formatShape(rows)}, got ${formatShape(Values.shape)}`,
        { where: { opType: 'searchsorted', slot: 'Values' }, expected: shape, got: Values.shape },
      )
    }
    return { Out: { dtype: out_int32 ? 'int32' : 'int64', shape: Values.shape } }
  },
  grad: 'none',
  kernels: { cpu: search, int64: search },
})

type BinInputs = { X: RawTensor; Weights?: RawTensor | undefined }

function countInto(
  { X, Weights }: BinInputs,
  { minlength }: { minlength: number },
  _outputs: unknown,
  ctx: KernelContext,
): void {
  let most = -1
  for (let i = 0; i < X.data.length; i++) {
    const value = Number(X.data[i])
    if (value < 0) {
      throw new InvalidArgumentError('E224', `bincount: element ${i} of X is ${value}, below 0`, {
        where: { opType: 'bincount', slot: 'X' },
        expected: 'numbers of 0 or more',
        got: value,
      })
    }
    most = Math.max(most, value)
  }
  // Without elements Paddle gives none, whatever minlength says.
  const out = ctx.resize('Out', [most < 0 ? 0 : Math.max(most + 1, minlength)])
  if (out === undefined) return
  fillZero(out)
  const counts = new Float64Array(out.data.length)
  for (let i = 0; i < X.data.length; i++)
    counts[Number(X.data[i])]! += Weights === undefined ? 1 : Number(Weights.data[i])
  counts.forEach((count, i) => {
    store(out, i, count)
  })
}

export const bincount = defineOp({
  type: 'bincount',
  doc: 'How often each number from 0 on stands in X, or the sums of their weights.',
  source: 'paddle/phi/kernels/cpu/bincount_kernel.cc',
  inputs: {
    X: one('1-D, whole numbers of 0 or more.', INDEXES),
    Weights: optional('Shape of X: what each element counts.', NUMBERS),
  },
  outputs: { Out: one('1-D: int64, or float32 or float64 with weights.') },
  attrs: {
    minlength: attr.int(0, {
      doc: 'Least length of Out.',
      check: (length) => (length >= 0 ? null : 'a number of 0 or more'),
    }),
  },
  inferMeta({ X, Weights }) {
    requireRank('bincount', 'X', X, 1)
    if (Weights !== undefined && Weights.shape.length !== 1) requireRank('bincount', 'Weights', Weights, 1)
    if (Weights !== undefined && X.shape[0]! >= 0 && Weights.shape[0]! >= 0 && X.shape[0] !== Weights.shape[0]) {
      throw new InvalidArgumentError(
        'E203',
        `bincount: Weights must have the shape of X, ${formatShape(X.shape)}, got ${formatShape(Weights.shape)}`,
        {
          where: { opType: 'bincount', slot: 'Weights' },
          expected: X.shape,
          got: Weights.shape,
        },
      )
    }
    const dtype: DType =
      Weights === undefined
        ? 'int64'
        : Weights.dtype === 'float64'
          ? 'float64'
          : Weights.dtype === 'float32'
            ? 'float32'
            : 'float64'
    return { Out: { dtype, shape: [-1] } }
  },
  grad: 'none',
  kernels: { cpu: countInto, int64: countInto },
})

function maskInto({ X }: { X: RawTensor }, _attrs: unknown, { Y }: { Y: RawTensor }): void {
  const width = Y.shape.at(-1)!
  const lengths = X.data
  const one = (Y.data instanceof BigInt64Array ? 1n : 1) as number
  fillZero(Y)
  const out = Y.data as Float64Array
  for (let i = 0; i < lengths.length; i++) {
    const length = Math.min(Math.max(Math.ceil(Number(lengths[i])), 0), width)
    out.fill(one, i * width, i * width + length)
  }
}

export const sequenceMask = defineOp({
  type: 'sequence_mask',
  doc: 'For each length in X a row of as many ones, then zeros.',
  source: 'paddle/phi/kernels/impl/sequence_mask_kernel_impl.h',
  inputs: {
    X: one('Lengths, any shape.', NUMBERS),
    MaxLenTensor: optional('One element: maxlen, in place of the attribute.', ['int32']),
  },
  outputs: { Y: one('Shape of X and one dimension more, of the length of the rows.') },
  attrs: {
    maxlen: attr.int(-1, { doc: 'Length of the rows; below 0: the largest number in X.' }),
    out_dtype: attr.dtype(undefined, {
      doc: 'Element type of Y.',
      check: (dtype) => (ALL.includes(dtype as DType) ? null : `one of ${ALL.join(', ')}`),
    }),
  },
  inferMeta({ X, MaxLenTensor }, { maxlen, out_dtype }, ctx) {
    let length = MaxLenTensor === undefined ? maxlen : (numberInput(ctx, 'MaxLenTensor') ?? -1)
    const unknown = MaxLenTensor !== undefined && ctx.constant('MaxLenTensor') === undefined
    if (!unknown && MaxLenTensor !== undefined && length < 1) {
      throw new InvalidArgumentError('E201', `sequence_mask: MaxLenTensor must hold a number above 0, got ${length}`, {
        where: { opType: 'sequence_mask', slot: 'MaxLenTensor' },
        got: length,
      })
    }
    if (!unknown && length < 0) {
      const value = ctx.constant('X')
      if (value !== undefined) {
        length = 0
        for (let i = 0; i < value.size; i++) length = Math.max(length, Math.trunc(Number(value.at(i))))
      }
    }
    return { Y: { dtype: out_dtype as DType, shape: [...X.shape, length] } }
  },
  grad: 'none',
  kernels: { cpu: maskInto, int64: maskInto },
})

interface ShardAttrs {
  readonly index_num: number
  readonly nshards: number
  readonly shard_id: number
  readonly ignore_value: number
}

function shard(
  { X }: { X: RawTensor },
  { index_num, nshards, shard_id, ignore_value }: ShardAttrs,
  { Out }: { Out: RawTensor },
): void {
  const size = Math.floor((index_num + nshards - 1) / nshards)
  for (let i = 0; i < X.data.length; i++) {
    const value = Number(X.data[i])
    if (value < 0 || value >= index_num) {
      throw new InvalidArgumentError('E224', `shard_index: element ${i} of X is ${value}, outside [0, ${index_num})`, {
        where: { opType: 'shard_index', slot: 'X' },
        expected: [0, index_num - 1],
        got: value,
      })
    }
    store(Out, i, Math.floor(value / size) === shard_id ? value % size : ignore_value)
  }
}

const atLeastOne = (value: number): string | null => (value > 0 ? null : 'a number of 1 or more')

export const shardIndex = defineOp({
  type: 'shard_index',
  doc: 'Indices into one of `nshards` equal parts of [0, index_num): counted from its beginning, ignore_value for those of other parts.',
  source: 'paddle/phi/kernels/cpu/shard_index_kernel.cc',
  inputs: { X: one('[..., 1], numbers in [0, index_num).', INDEXES) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {
    index_num: attr.int(undefined, { check: atLeastOne }),
    nshards: attr.int(undefined, { check: atLeastOne }),
    shard_id: attr.int(undefined, { doc: 'Which part.' }),
    ignore_value: attr.int(-1),
  },
  inferMeta({ X }, { nshards, shard_id }) {
    const fail = (code: string, what: string, got: unknown): InvalidArgumentError =>
      new InvalidArgumentError(code, `shard_index: ${what}`, { where: { opType: 'shard_index' }, got })
    if (shard_id < 0 || shard_id >= nshards) {
      throw fail('E201', `attr shard_id must be in [0, ${nshards - 1}], got ${shard_id}`, shard_id)
    }
    if (X.shape.length < 2 || (X.shape.at(-1)! >= 0 && X.shape.at(-1) !== 1)) {
      throw fail('E203', `X must be [..., 1], got ${formatShape(X.shape)}`, X.shape)
    }
    return { Out: X }
  },
  grad: 'none',
  kernels: { cpu: shard, int64: shard },
})

/** The elements (row, column) of a matrix with column - row <= offset, or with `upper` those with column - row >= offset. */
interface Triangle {
  readonly rows: number
  readonly columns: number
  readonly offset: number
  readonly upper: boolean
}

/** The columns of a row that belong to it, from the first to before the last. */
function columnsOf({ columns, offset, upper }: Triangle, row: number): readonly [number, number] {
  const cut = Math.min(columns, Math.max(0, row + offset + (upper ? 0 : 1)))
  return upper ? [cut, columns] : [0, cut]
}

/** How many elements it has, without going through the rows: there may be billions. */
function sizeOfTriangle({ rows, columns, offset, upper }: Triangle): number {
  // The sum of min(columns, max(0, k)) over all k up to `last`.
  const upTo = (last: number): number => {
    const k = Math.max(0, Math.min(last, columns))
    return (k * (k + 1)) / 2 + Math.max(0, last - columns) * columns
  }
  const first = offset + (upper ? 0 : 1)
  const cut = upTo(first + rows - 1) - upTo(first - 1)
  return rows === 0 ? 0 : upper ? rows * columns - cut : cut
}

const dimension = attr.int(0, { check: (size) => (size >= 0 ? null : 'a number of 0 or more') })
const indexType = attr.dtype('int64', {
  doc: 'Element type of out.',
  check: (dtype) => (INDEXES.includes(dtype as DType) ? null : 'int32 or int64'),
})

const triangleMeta = (dtype: DType | -1, triangle: Triangle): { out: Meta } => ({
  out: { dtype: dtype as DType, shape: [2, sizeOfTriangle(triangle)] },
})
/** Rows, then columns of its elements, in memory order. */
function storeTriangle(out: RawTensor, triangle: Triangle): void {
  const count = out.shape[1]!
  let i = 0
  for (let row = 0; i < count; row++) {
    const [from, to] = columnsOf(triangle, row)
    for (let column = from; column < to; column++, i++) {
      store(out, i, row)
      store(out, count + i, column)
    }
  }
}

interface LowerAttrs {
  readonly rows: number
  readonly cols: number
  readonly offset: number
}
const lower = ({ rows, cols, offset }: LowerAttrs): Triangle => ({ rows, columns: cols, offset, upper: false })

export const trilIndices = defineOp({
  type: 'tril_indices',
  doc: 'Rows and columns of the elements on and below a diagonal of a matrix.',
  source: 'paddle/phi/kernels/cpu/tril_indices_kernel.cc',
  differs: 'A matrix without rows has no elements, where Paddle gives places of some.',
  inputs: {},
  outputs: { out: one('[2, count]: rows, then columns.') },
  attrs: { rows: dimension, cols: dimension, offset: attr.int(0, { doc: 'Which diagonal.' }), dtype: indexType },
  inferMeta: (_inputs, attrs) => triangleMeta(attrs.dtype, lower(attrs)),
  grad: 'none',
  kernels: {
    cpu: (_inputs, attrs, { out }) => storeTriangle(out, lower(attrs)),
    int64: (_inputs, attrs, { out }) => storeTriangle(out, lower(attrs)),
  },
})

interface UpperAttrs {
  readonly row: number
  readonly col: number
  readonly offset: number
}
const upper = ({ row, col, offset }: UpperAttrs): Triangle => ({ rows: row, columns: col, offset, upper: true })

export const triuIndices = defineOp({
  type: 'triu_indices',
  doc: 'Rows and columns of the elements on and above a diagonal of a matrix.',
  source: 'paddle/phi/kernels/cpu/triu_indices_kernel.cc',
  inputs: {},
  outputs: { out: one('[2, count]: rows, then columns.') },
  attrs: { row: dimension, col: dimension, offset: attr.int(0, { doc: 'Which diagonal.' }), dtype: indexType },
  inferMeta: (_inputs, attrs) => triangleMeta(attrs.dtype, upper(attrs)),
  grad: 'none',
  kernels: {
    cpu: (_inputs, attrs, { out }) => storeTriangle(out, upper(attrs)),
    int64: (_inputs, attrs, { out }) => storeTriangle(out, upper(attrs)),
  },
})

const empty = ({ X }: { X: RawTensor }, _attrs: unknown, { Out }: { Out: RawTensor }): void => {
  Out.data[0] = product(X.shape) === 0 ? 1 : 0
}

export const isEmpty = defineOp({
  type: 'is_empty',
  doc: 'Whether X has no elements.',
  source: 'paddle/phi/kernels/is_empty_kernel.cc',
  inputs: { X: one('Any shape.', NUMBERS) },
  outputs: { Out: one('0-D, bool.') },
  attrs: {},
  inferMeta: () => ({ Out: { dtype: 'bool', shape: [] } }),
  grad: 'none',
  kernels: { cpu: empty, int64: empty },
})
