/** Diagonals of two chosen dimensions: diagonal, trace, diag_embed (the way back) and fill_diagonal. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL, type DType, FLOATS, NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, rowMajorStrides, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { toElement } from './fill.ts'
import { axisInRange, fillZero } from './indices.ts'

const PLANES = {
  offset: attr.int(0, { doc: 'Which diagonal: above the main one if positive, below if negative.' }),
  axis1: attr.int(0, { doc: 'The dimension of the rows.' }),
  axis2: attr.int(1, { doc: 'The dimension of the columns.' }),
}
interface PlaneAttrs {
  readonly offset: number
  readonly axis1: number
  readonly axis2: number
}

/**
 * The shape of the diagonals: the other dimensions, then the length.
 * @throws InvalidArgumentError E203 below two dimensions, E202 for two equal ones, OutOfRangeError E216 past the rank.
 */
function diagonalShape(opType: string, { shape }: Meta, { offset, axis1, axis2 }: PlaneAttrs): Shape {
  if (shape.length < 2) {
    throw axesError(opType, `Input must have 2 dimensions or more, got shape ${formatShape(shape)}`, shape)
  }
  const a = axisInRange(opType, axis1, shape, 'axis1', 'Input')
  const b = axisInRange(opType, axis2, shape, 'axis2', 'Input')
  if (a === b) throw axesError(opType, `attrs axis1 and axis2 must be two dimensions, got ${axis1} and ${axis2}`, axis1)
  const [rows, columns] = [shape[a]!, shape[b]!]
  const length =
    rows < 0 || columns < 0 ? -1 : Math.max(Math.min(rows + Math.min(offset, 0), columns - Math.max(offset, 0)), 0)
  return [...shape.filter((_, d) => d !== a && d !== b), length]
}

const axesError = (opType: string, what: string, got: unknown): InvalidArgumentError =>
  new InvalidArgumentError('E203', `${opType}: ${what}`, { where: { opType }, got })

/**
 * Calls `visit(full, small)` for the elements on the diagonals of a tensor of shape `full`: `small` counts them, the position on the diagonal
 * last.
 */
function eachOnDiagonal(
  full: Shape,
  { offset, axis1, axis2 }: PlaneAttrs,
  length: number,
  visit: (full: number, small: number) => void,
): void {
  const rank = full.length
  const [a, b] = [axis1 < 0 ? axis1 + rank : axis1, axis2 < 0 ? axis2 + rank : axis2]
  const strides = rowMajorStrides(full)
  const others = full.map((_, d) => d).filter((d) => d !== a && d !== b)
  const start = offset >= 0 ? offset * strides[b]! : -offset * strides[a]!
  const step = strides[a]! + strides[b]!
  let small = 0
  const walk = (k: number, at: number): void => {
    if (k < others.length) {
      const d = others[k]!
      for (let i = 0; i < full[d]!; i++) walk(k + 1, at + i * strides[d]!)
      return
    }
    for (let i = 0; i < length; i++) visit(at + start + i * step, small++)
  }
  walk(0, 0)
}

function readDiagonals({ Input }: { Input: RawTensor }, attrs: PlaneAttrs, { Out }: { Out: RawTensor }): void {
  const [x, out] = [Input.data as Float64Array, Out.data as Float64Array]
  eachOnDiagonal(Input.shape, attrs, Out.shape.at(-1)!, (full, small) => {
    out[small] = x[full]!
  })
}

function putDiagonals(
  inputs: { 'Out@GRAD': RawTensor },
  attrs: PlaneAttrs,
  outputs: { 'Input@GRAD'?: RawTensor | undefined },
): void {
  const grad = outputs['Input@GRAD']
  if (grad === undefined) return
  fillZero(grad)
  const [from, to] = [inputs['Out@GRAD'].data as Float64Array, grad.data as Float64Array]
  eachOnDiagonal(grad.shape, attrs, inputs['Out@GRAD'].shape.at(-1)!, (full, small) => {
    to[full] = from[small]!
  })
}

export const diagonalGrad = defineOp({
  type: 'diagonal_grad',
  doc: 'Gradient of diagonal: dOut on the diagonals and zeros elsewhere.',
  source: 'paddle/phi/kernels/cpu/diagonal_grad_kernel.cc',
  inputs: {
    Input: one('Input of diagonal; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', ALL),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: PLANES,
  inferMeta({ Input, 'Out@GRAD': dOut }, attrs) {
    requireShape('diagonal_grad', 'Out@GRAD', dOut, diagonalShape('diagonal_grad', Input, attrs), 'the shape of Out')
    return { 'Input@GRAD': { dtype: dOut.dtype, shape: Input.shape } }
  },
  grad: 'unregistered',
  kernels: { cpu: putDiagonals, int64: putDiagonals, half: putDiagonals },
})

export const diagonal = defineOp({
  type: 'diagonal',
  doc: 'The diagonals of the matrices in the dimensions axis1 and axis2, as the last dimension of Out.',
  source: 'paddle/phi/kernels/cpu/diagonal_kernel.cc',
  inputs: { Input: one('Two dimensions or more.', ALL) },
  outputs: { Out: one('The other dimensions of Input, then the length of the diagonal, which may be 0.') },
  attrs: PLANES,
  inferMeta: ({ Input }, attrs) => ({
    Out: { dtype: Input.dtype, shape: diagonalShape('diagonal', Input, attrs) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(diagonalGrad, {
      inputs: { Input: inputs.Input, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: readDiagonals, int64: readDiagonals, half: readDiagonals },
})

/** The order of the two axes does not count in trace. */
const inOrder = (attrs: PlaneAttrs, rank: number): PlaneAttrs => {
  const [a, b] = [attrs.axis1, attrs.axis2].map((axis) => (axis < 0 ? axis + rank : axis)).sort((x, y) => x - y)
  return { ...attrs, axis1: a!, axis2: b! }
}

function sumDiagonals({ Input }: { Input: RawTensor }, given: PlaneAttrs, { Out }: { Out: RawTensor }): void {
  const attrs = inOrder(given, Input.shape.length)
  const length = diagonalShape('trace', Input, attrs).at(-1)!
  if (Out.data instanceof BigInt64Array) {
    const [x, out] = [Input.data as BigInt64Array, Out.data.fill(0n)]
    eachOnDiagonal(Input.shape, attrs, length, (full, small) => {
      out[Math.floor(small / length)]! += x[full]!
    })
    return
  }
  const sums = new Float64Array(Out.data.length)
  eachOnDiagonal(Input.shape, attrs, length, (full, small) => {
    sums[Math.floor(small / length)]! += Input.data[full] as number
  })
  Out.data.set(sums)
}

export const traceGrad = defineOp({
  type: 'trace_grad',
  doc: 'Gradient of trace: dOut on the diagonals and zeros elsewhere.',
  source: 'paddle/phi/kernels/impl/trace_grad_kernel_impl.h',
  inputs: { Input: one('Input of trace; only its shape is read.'), 'Out@GRAD': one('Gradient of Out.', NUMBERS) },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: PLANES,
  inferMeta({ Input, 'Out@GRAD': dOut }, attrs) {
    const shape = diagonalShape('trace_grad', Input, inOrder(attrs, Input.shape.length)).slice(0, -1)
    requireShape('trace_grad', 'Out@GRAD', dOut, shape, 'the shape of Out')
    return { 'Input@GRAD': { dtype: dOut.dtype, shape: Input.shape } }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Input, 'Out@GRAD': dOut }, given, { 'Input@GRAD': dInput }) {
      if (dInput === undefined) return
      const attrs = inOrder(given, Input.shape.length)
      dInput.data.fill(0)
      const length = diagonalShape('trace_grad', Input, attrs).at(-1)!
      eachOnDiagonal(Input.shape, attrs, length, (full, small) => {
        dInput.data[full] = dOut.data[Math.floor(small / length)]!
      })
    },
  },
})

export const trace = defineOp({
  type: 'trace',
  doc: 'The sums of the diagonals of the matrices in the dimensions axis1 and axis2; the lower one is that of the rows, as in Paddle.',
  source: 'paddle/phi/kernels/impl/trace_kernel_impl.h',
  inputs: { Input: one('Two dimensions or more.', NUMBERS) },
  outputs: { Out: one('The other dimensions of Input.') },
  attrs: PLANES,
  inferMeta: ({ Input }, attrs) => ({
    Out: { dtype: Input.dtype, shape: diagonalShape('trace', Input, inOrder(attrs, Input.shape.length)).slice(0, -1) },
  }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(traceGrad, {
      inputs: { Input: inputs.Input, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: sumDiagonals, int64: sumDiagonals },
})

/** The shape of diag_embed: the last dimension of Input becomes matrices in the dimensions dim1 and dim2. */
function embeddedShape({ shape }: Meta, { offset, dim1, dim2 }: EmbedAttrs): { shape: Shape; planes: PlaneAttrs } {
  if (shape.length === 0) throw axesError('diag_embed', 'Input must have one dimension or more, got []', shape)
  const rank = shape.length + 1
  const zeros = new Array<number>(rank).fill(0)
  const a = axisInRange('diag_embed', dim1, zeros, 'dim1', 'Out')
  const b = axisInRange('diag_embed', dim2, zeros, 'dim2', 'Out')
  if (a === b)
    throw axesError('diag_embed', `attrs dim1 and dim2 must be two dimensions, got ${dim1} and ${dim2}`, dim1)
  const side = shape.at(-1)! < 0 ? -1 : shape.at(-1)! + Math.abs(offset)
  const others = shape.slice(0, -1)
  const out = zeros.map((_, d) => (d === a || d === b ? side : others.shift()!))
  return { shape: out, planes: { offset, axis1: a, axis2: b } }
}

interface EmbedAttrs {
  readonly offset: number
  readonly dim1: number
  readonly dim2: number
}

function embed({ Input }: { Input: RawTensor }, attrs: EmbedAttrs, { Out }: { Out: RawTensor }): void {
  fillZero(Out)
  const [x, out] = [Input.data as Float64Array, Out.data as Float64Array]
  eachOnDiagonal(Out.shape, embeddedShape(Input, attrs).planes, Input.shape.at(-1)!, (full, small) => {
    out[full] = x[small]!
  })
}

export const diagEmbed = defineOp({
  type: 'diag_embed',
  doc: 'Matrices in the dimensions dim1 and dim2 of Out with the last dimension of Input on a diagonal and zeros elsewhere.',
  source: 'paddle/phi/kernels/impl/diag_embed_impl.h',
  inputs: { Input: one('One dimension or more.', NUMBERS) },
  outputs: { Out: one('One dimension more than Input, element type of Input.') },
  attrs: {
    offset: PLANES.offset,
    dim1: attr.int(-2, { doc: 'The dimension of the rows in Out.' }),
    dim2: attr.int(-1, { doc: 'The dimension of the columns in Out.' }),
  },
  inferMeta: ({ Input }, attrs) => ({ Out: { dtype: Input.dtype, shape: embeddedShape(Input, attrs).shape } }),
  grad: 'none',
  kernels: { cpu: embed, int64: embed, half: embed },
})

const FILL = {
  value: attr.float(0, { doc: 'What the diagonal is set to.' }),
  offset: attr.int(0, { doc: 'How many columns to the right of the main diagonal; only for matrices.' }),
  wrap: attr.bool(false, { doc: 'Of a matrix that is higher than wide: the diagonal begins again below its end.' }),
}
interface FillAttrs {
  readonly value: number
  readonly offset: number
  readonly wrap: boolean
}
const FILL_DTYPES: readonly DType[] = [...FLOATS, 'bool', 'int32', 'int64']

/** @throws InvalidArgumentError E203 below two dimensions, or above unless all are equal. */
function requireDiagonal(opType: string, { shape }: Meta): void {
  if (shape.length < 2) throw axesError(opType, `X must have 2 dimensions or more, got ${formatShape(shape)}`, shape)
  if (shape.length > 2 && shape.some((dim) => dim >= 0 && shape[0]! >= 0 && dim !== shape[0])) {
    throw axesError(opType, `above two dimensions all must be equal, got ${formatShape(shape)}`, shape)
  }
}

/** Sets the diagonal of `to`: the elements whose position is a multiple of the sum of the strides, moved by the offset within their row. */
function setDiagonal(to: RawTensor, { offset, wrap }: FillAttrs, value: number | bigint): void {
  const { shape } = to
  const columns = shape[1]!
  const step = rowMajorStrides(shape).reduce((sum, stride) => sum + stride, 0)
  // Above two dimensions Paddle's Python functions set `wrap`; without it only the first of these elements are reached.
  const size = wrap ? to.data.length : Math.min(to.data.length, columns * columns)
  const out = to.data as Float64Array
  for (let i = 0; i < size; i += step) {
    const column = (i % columns) + offset
    if (column >= 0 && column < columns && i + offset >= 0 && i + offset < to.data.length)
      out[i + offset] = value as number
  }
}

function fillDiagonalInto({ X }: { X: RawTensor }, attrs: FillAttrs, { Out }: { Out: RawTensor }): void {
  if (Out.data !== X.data) (Out.data as Float64Array).set(X.data as Float64Array)
  setDiagonal(Out, attrs, toElement('fill_diagonal', Out.dtype, attrs.value))
}

export const fillDiagonalGrad = defineOp({
  type: 'fill_diagonal_grad',
  doc: 'Gradient of fill_diagonal: dOut with zeros on the diagonal.',
  source: 'paddle/phi/kernels/cpu/fill_diagonal_grad_kernel.cc',
  inputs: { 'Out@GRAD': one('Gradient of Out.', FILL_DTYPES) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: FILL,
  inferMeta({ 'Out@GRAD': dOut }) {
    requireDiagonal('fill_diagonal_grad', dOut)
    return { 'X@GRAD': dOut }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) fillDiagonalInto({ X: dOut }, { ...attrs, value: 0 }, { Out: dX })
    },
  },
})

export const fillDiagonal = defineOp({
  type: 'fill_diagonal',
  doc: 'X with its main diagonal, or one beside it, set to one value.',
  source: 'paddle/phi/kernels/cpu/fill_diagonal_kernel.cc',
  differs: 'A value that an integer type cannot hold is an InvalidArgumentError; in Paddle the result is undefined.',
  inputs: { X: one('A matrix, or more dimensions that are all equal.', FILL_DTYPES) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: FILL,
  inferMeta({ X }, { value }) {
    requireDiagonal('fill_diagonal', X)
    toElement('fill_diagonal', X.dtype, value)
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(fillDiagonalGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: { cpu: fillDiagonalInto, int64: fillDiagonalInto },
})
