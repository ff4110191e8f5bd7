/** scatter: rows of X replaced by, or by the sum of, the rows of Updates. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { INDEXES, NUMBERS } from '../../tensor/dtype.ts'
import { product } from '../../tensor/shape.ts'
import { steps } from './axis_map.ts'
import { copyElements, type RawTensor } from './copy.ts'
import { addElements, checkedIndex, indexCount, moveElements } from './indices.ts'

const attrs = {
  overwrite: attr.bool(true, { doc: 'Unset: a row becomes the sum of its updates, and X counts nothing there.' }),
}

function zeroRow({ data }: RawTensor, row: number, width: number): void {
  if (data instanceof BigInt64Array) data.fill(0n, row * width, (row + 1) * width)
  else data.fill(0, row * width, (row + 1) * width)
}

/** The rows that Ids names. @throws OutOfRangeError E216. */
const rowsOf = (Ids: RawTensor, height: number): number[] =>
  steps(0, 1, Ids.data.length).map((i) => checkedIndex('scatter', 'Ids', Ids, i, height, 'OutOfRange'))

function put(
  { X, Ids, Updates }: { X: RawTensor; Ids: RawTensor; Updates: RawTensor },
  { overwrite }: { overwrite: boolean },
  { Out }: { Out: RawTensor },
): void {
  const width = product(X.shape, 1)
  const rows = rowsOf(Ids, X.shape[0]!)
  copyElements(X, Out)
  if (overwrite) {
    rows.forEach((row, i) => {
      moveElements(Updates, i * width, Out, row * width, width)
    })
    return
  }
  for (const row of rows) zeroRow(Out, row, width)
  rows.forEach((row, i) => {
    addElements(Updates, i * width, Out, row * width, width)
  })
}

function putBack(
  inputs: { Ids: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD'?: RawTensor | undefined; 'Updates@GRAD'?: RawTensor | undefined },
): void {
  const { Ids, 'Out@GRAD': outGrad } = inputs
  const { 'X@GRAD': xGrad, 'Updates@GRAD': updatesGrad } = outputs
  const width = product(outGrad.shape, 1)
  const rows = rowsOf(Ids, outGrad.shape[0]!)
  // Read first: X@GRAD may be the memory of Out@GRAD.
  if (updatesGrad !== undefined) {
    for (let i = 0; i < Ids.data.length; i++) moveElements(outGrad, rows[i]! * width, updatesGrad, i * width, width)
  }
  if (xGrad === undefined) return
  copyElements(outGrad, xGrad)
  for (const row of rows) zeroRow(xGrad, row, width)
}

export const scatterGrad = defineOp({
  type: 'scatter_grad',
  doc: 'Gradient of scatter: Out@GRAD with zeros in the rows Ids for X, and those rows for Updates.',
  source: 'paddle/phi/kernels/cpu/scatter_grad_kernel.cc',
  inputs: {
    Ids: one('Ids of scatter.', INDEXES),
    Updates: one('Updates of scatter; only its shape is read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Updates@GRAD': optional('Gradient of Updates.') },
  attrs,
  inferMeta({ Ids, Updates, 'Out@GRAD': outGrad }) {
    checkUpdates(outGrad, Ids, Updates)
    return { 'X@GRAD': outGrad, 'Updates@GRAD': { dtype: outGrad.dtype, shape: Updates.shape } }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: { cpu: putBack, int64: putBack, half: putBack },
})

/** @throws InvalidArgumentError E203 unless Updates has one row of X for each of Ids. */
function checkUpdates(X: Meta, Ids: Meta, Updates: Meta): void {
  const count = indexCount('scatter', 'Ids', Ids)
  if (X.shape.length === 0) {
    throw new InvalidArgumentError('E203', 'scatter: X must have one dimension or more', { got: X.shape })
  }
  const wanted = [...(count === undefined ? [] : [count]), ...X.shape.slice(1)]
  requireShape('scatter', 'Updates', Updates, wanted, 'one row of X per index')
}

export const scatter = defineOp({
  type: 'scatter',
  doc: 'X with the rows Ids replaced by the rows of Updates; the last update of a row counts, or their sum if `overwrite` is unset.',
  source: 'paddle/phi/kernels/cpu/scatter_kernel.cc',
  inputs: {
    X: one('[N, ...]', NUMBERS),
    Ids: one('[M] or [M, 1], rows of X; 0-D for one row.', INDEXES),
    Updates: one('[M, ...], the other dimensions those of X; a row alone for 0-D Ids.', NUMBERS),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs,
  inferMeta({ X, Ids, Updates }) {
    checkUpdates(X, Ids, Updates)
    requireSameDType('scatter', { X, Updates })
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(scatterGrad, {
      inputs: { Ids: inputs.Ids, Updates: inputs.Updates, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Updates@GRAD': inputGrads.Updates },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: { cpu: put, int64: put },
})
