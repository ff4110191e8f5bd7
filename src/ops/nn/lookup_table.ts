/**
 * Embeddings: lookup_table and lookup_table_v2, which differ in the shape of Ids. Their gradient is dense, or with `is_sparse` selected rows
 * that hold one row per id, as they stand.
 */
import { InvalidArgumentError, OutOfRangeError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type Meta,
  type MetaKind,
  type OpDesc,
  one,
  optional,
  type ScopeKernelContext,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import { SelectedRows, Tensor } from '../../tensor/tensor.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { addElements, fillZero, indexAt, moveElements } from '../tensor/indices.ts'

const NO_PADDING = -1

/**
 * Row of the table for each id, -1 for padding.
 * @throws OutOfRangeError E216 for id -1 without padding (which Paddle reads outside of the table), InvalidArgumentError E224 for others.
 */
function rowsOf(opType: string, Ids: RawTensor, height: number, padding: number): Int32Array {
  const rows = new Int32Array(Ids.data.length)
  for (let i = 0; i < rows.length; i++) {
    const id = indexAt(Ids, i)
    if (padding !== NO_PADDING && id === padding) rows[i] = -1
    else if (id >= 0 && id < height) rows[i] = id
    else {
      const what = `${opType}: id ${id} at position ${i} is outside of the table, [0, ${height})`
      const details = { where: { opType, slot: 'Ids' }, expected: [0, height - 1], got: id }
      throw id === -1 ? new OutOfRangeError('E216', what, details) : new InvalidArgumentError('E224', what, details)
    }
  }
  return rows
}

/** The parts of both operators; `outShape` gives the shape of Out. */
interface Variant {
  readonly type: string
  readonly ids: string
  readonly dtypes: readonly DType[]
  readonly source: string
  /** Checks the element type and the shape of Ids; the shape of Out but for the last dimension. */
  readonly checkIds: (Ids: Meta) => Shape
}

interface LookupAttrs {
  readonly padding_idx: number | bigint
}

const DIFFERS = 'An id of -1 without padding is an OutOfRangeError, where Paddle reads outside of the table.'

const padding_idx = attr.long(NO_PADDING, { doc: 'The id whose row is zeros and gets no dense gradient; -1: none.' })
const sparseDoc = { doc: 'The gradient of W is selected rows.' }

const server = { doc: 'Has no effect: for the parameter server.' }
/** Attributes of Paddle's parameter server, which have no effect here. */
const serverAttrs = {
  remote_prefetch: attr.bool(false, server),
  entry_config: attr.string('', server),
  is_test: attr.bool(false, { doc: 'Has no effect.' }),
  entry: attr.string('none', server),
  table_class: attr.string('none', server),
  table_names: attr.strings([], server),
  trainer_id: attr.int(0, server),
  grad_inplace: attr.bool(false, { doc: 'Has no effect.' }),
  epmap: attr.strings([], server),
  height_sections: attr.longs([], server),
  is_distributed: attr.bool(false, server),
  slot: attr.int(0, { extra: true, ...server }),
}
const attrsV1 = { is_sparse: attr.bool(false, sparseDoc), padding_idx, ...serverAttrs }
const attrsV2 = { padding_idx, is_sparse: attr.bool(false, { extra: true, ...sparseDoc }) }

function tableWidth(opType: string, W: Meta): number {
  if (W.shape.length === 2) return W.shape[1]!
  throw new InvalidArgumentError('E203', `${opType}: W must be a matrix, got ${formatShape(W.shape)}`, {
    where: { opType, slot: 'W' },
    expected: '[rows, width]',
    got: W.shape,
  })
}

function lookUp(opType: string) {
  return (
    { W, Ids }: { W: RawTensor; Ids: RawTensor },
    { padding_idx: padding }: LookupAttrs,
    { Out }: { Out: RawTensor },
  ): void => {
    const [height, width] = W.shape as [number, number]
    fillZero(Out)
    rowsOf(opType, Ids, height, Number(padding)).forEach((row, i) => {
      if (row >= 0) moveElements(W, row * width, Out, i * width, width)
    })
  }
}

function addUp(opType: string) {
  return (
    inputs: { Ids: RawTensor; 'Out@GRAD': RawTensor },
    { padding_idx: padding }: LookupAttrs,
    outputs: { 'W@GRAD'?: RawTensor | undefined },
  ): void => {
    const grad = outputs['W@GRAD']
    if (grad === undefined) return
    const [height, width] = grad.shape as [number, number]
    fillZero(grad)
    rowsOf(opType, inputs.Ids, height, Number(padding)).forEach((row, i) => {
      if (row >= 0) addElements(inputs['Out@GRAD'], i * width, grad, row * width, width)
    })
  }
}

/** One row of Out@GRAD per id, repeated ids and padding among them. */
function keepRows(ctx: ScopeKernelContext): void {
  const output = ctx.outputNames('W@GRAD')[0]
  if (output === undefined) return
  const tensor = (slot: string): Tensor => ctx.get(ctx.inputNames(slot)[0]!) as Tensor
  const ids = tensor('Ids')
  const outGrad = tensor('Out@GRAD')
  const [height, width] = tensor('W').shape as [number, number]
  const rows = Array.from({ length: ids.size }, (_, i) => Number(ids.at(i)))
  ctx.set(output, new SelectedRows(rows, height, new Tensor(outGrad.dtype, [rows.length, width], outGrad.data)))
}

const gradientKind = ({ attrs }: { readonly attrs: Readonly<Record<string, unknown>> }): MetaKind =>
  attrs['is_sparse'] === true ? 'SELECTED_ROWS' : 'LOD_TENSOR'

/** The gradient's definition for attributes `attrs`. */
const gradientParts = ({ type, dtypes }: Variant) => ({
  doc: `Gradient of ${type}: the rows of Out@GRAD added up by id; with is_sparse the rows and their ids as they stand, those of padding among them.`,
  inputs: {
    Ids: one(`Ids of ${type}.`, INDEXES),
    W: one(`W of ${type}; only its shape is read.`),
    'Out@GRAD': one('Gradient of Out.', dtypes),
  },
  outputs: { 'W@GRAD': optional('Gradient of W, dense or selected rows.') },
})

/** @throws InvalidArgumentError E203 unless Out@GRAD has the shape of Out. */
function gradientMeta(
  variant: Variant,
  { W, Ids, 'Out@GRAD': outGrad }: { W: Meta; Ids: Meta; 'Out@GRAD': Meta },
  isSparse: boolean,
): Meta {
  requireShape(`${variant.type}_grad`, 'Out@GRAD', outGrad, outMeta(variant, W, Ids).shape, 'the shape of Out')
  return { dtype: outGrad.dtype, shape: W.shape, kind: isSparse ? 'SELECTED_ROWS' : 'LOD_TENSOR' }
}

const V1: Variant = {
  type: 'lookup_table',
  ids: '[..., 1], int64.',
  dtypes: [...FLOATS, 'int8', 'int16'],
  source: 'paddle/fluid/operators/lookup_table_op.cc',
  checkIds({ dtype, shape }) {
    if (shape.length === 0 || (shape.at(-1) !== 1 && shape.at(-1)! >= 0)) {
      throw new InvalidArgumentError(
        'E203',
        `lookup_table: the last dimension of Ids must be 1, got ${formatShape(shape)}`,
        { where: { opType: 'lookup_table', slot: 'Ids' }, expected: '[..., 1]', got: shape },
      )
    }
    if (dtype !== 'int64') {
      throw new InvalidArgumentError('E210', `lookup_table: Ids must be int64, got ${dtype}`, {
        where: { opType: 'lookup_table', slot: 'Ids' },
        expected: 'int64',
        got: dtype,
      })
    }
    return shape.slice(0, -1)
  },
}

const V2: Variant = {
  type: 'lookup_table_v2',
  ids: 'Any shape, int32 or int64.',
  dtypes: [...FLOATS, 'int8'],
  source: 'paddle/phi/kernels/cpu/embedding_kernel.cc',
  checkIds({ dtype, shape }) {
    if (!INDEXES.includes(dtype)) {
      throw new UnimplementedError('E403', `lookup_table_v2 has no kernel for Ids of element type ${dtype}`, {
        where: { opType: 'lookup_table_v2', slot: 'Ids' },
        expected: INDEXES,
        got: dtype,
      })
    }
    return shape
  },
}

const gradKernels = ({ type }: Variant) => ({ cpu: addUp(type), int64: addUp(type), selectedRows: keepRows })
const outKernels = ({ type }: Variant) => ({ cpu: lookUp(type), int64: lookUp(type), half: lookUp(type) })

function outMeta({ type, checkIds }: Variant, W: Meta, Ids: Meta): Meta {
  const width = tableWidth(type, W)
  return { dtype: W.dtype, shape: [...checkIds(Ids), width] }
}

export const lookupTableGrad = defineOp({
  type: 'lookup_table_grad',
  ...gradientParts(V1),
  source: V1.source,
  attrs: attrsV1,
  inferMeta: (inputs, { is_sparse }) => ({ 'W@GRAD': gradientMeta(V1, inputs, is_sparse) }),
  grad: 'unregistered',
  outputKind: gradientKind,
  kernels: gradKernels(V1),
})

export const lookupTable = defineOp({
  type: 'lookup_table',
  doc: 'The rows of W that Ids names; zeros for padding_idx.',
  source: V1.source,
  differs: DIFFERS,
  inputs: { W: one('[rows, width], the table.', V1.dtypes), Ids: one(V1.ids) },
  outputs: { Out: one('[..., width], element type of W.') },
  attrs: attrsV1,
  inferMeta: ({ W, Ids }) => ({ Out: outMeta(V1, W, Ids) }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(lookupTableGrad, {
      inputs: { Ids: inputs.Ids, W: inputs.W, 'Out@GRAD': outputGrads.Out },
      outputs: { 'W@GRAD': inputGrads.W },
      attrs: 'copied',
    }),
  ],
  olderRegistry: true,
  kernels: outKernels(V1),
})

export const lookupTableV2Grad = defineOp({
  type: 'lookup_table_v2_grad',
  ...gradientParts(V2),
  source: 'paddle/phi/kernels/cpu/embedding_grad_kernel.cc',
  attrs: attrsV2,
  inferMeta: (inputs, { is_sparse }) => ({ 'W@GRAD': gradientMeta(V2, inputs, is_sparse) }),
  grad: 'unregistered',
  outputKind: gradientKind,
  kernels: gradKernels(V2),
})

export const lookupTableV2 = defineOp({
  type: 'lookup_table_v2',
  doc: 'The rows of W that Ids names; zeros for padding_idx.',
  source: V2.source,
  differs: DIFFERS,
  inputs: { Ids: one(V2.ids), W: one('[rows, width], the table.', V2.dtypes) },
  outputs: { Out: one('[dims of Ids, width], element type of W.') },
  attrs: attrsV2,
  inferMeta: ({ W, Ids }) => ({ Out: outMeta(V2, W, Ids) }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(lookupTableV2Grad, {
      inputs: { Ids: inputs.Ids, W: inputs.W, 'Out@GRAD': outputGrads.Out },
      outputs: { 'W@GRAD': inputGrads.W },
      attrs: 'copied',
    }),
  ],
  kernels: outKernels(V2),
})
