/** The sum of several variables of one shape: dense tensors, selected rows, tensor arrays. Adds up the gradients of a variable. */
import { InvalidArgumentError } from '../../errors.ts'
import {
  defineOp,
  describeOp,
  type KernelTensor,
  type Meta,
  type MetaKind,
  many,
  type OpDesc,
  one,
  type ScopeKernelContext,
} from '../../framework/op_def.ts'
import { NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { compatibleShapes, formatShape, numel, product, type Shape } from '../../tensor/shape.ts'
import { SelectedRows, Tensor, TensorArray, type Value } from '../../tensor/tensor.ts'
import { concatRows, mergeRepeated, numbersOf } from './rows.ts'
import { scale } from './scale.ts'

/**
 * Out = X0 + X1 + …, from left to right and rounded to the element type after each addition. Selected rows alone give selected rows whose
 * equal rows are added up; together with dense tensors they give a dense tensor. Tensor arrays are added position by position.
 */
export const sum = defineOp({
  type: 'sum',
  doc: 'The sum of the inputs, rounded after each addition. All selected rows: selected rows, equal rows added up.',
  source: 'paddle/phi/kernels/cpu/add_n_kernel.cc',
  differs: 'A sum of inputs without elements has their shape; in Paddle it is a 0-D zero.',
  inputs: { X: many('One or more, of one shape and element type. Inputs without elements are left out.', NUMBERS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: sumMeta(X) }),
  grad: ({ outputGrads, inputGrads }): OpDesc[] =>
    inputGrads.X.map((grad) =>
      describeOp(scale, { inputs: { X: outputGrads.Out }, outputs: { Out: grad }, attrs: { scale: 1 } }),
    ),
  inplace: { Out: 'X' },
  outputKind: (op, _output, kindOf) => kindOfSum((op.inputs['X'] ?? []).map(kindOf)),
  kernels: {
    cpu({ X }, _attrs, { Out }) {
      const out = Out.data
      const [first, second, ...rest] = operands(X, Out)
      if (first === undefined) return
      if (second === undefined) {
        if (first !== out) out.set(first)
        return
      }
      // In this order Out may lie in the memory of either of the first two.
      for (let i = 0; i < out.length; i++) out[i] = first[i]! + second[i]!
      for (const x of rest) for (let i = 0; i < out.length; i++) out[i] = out[i]! + x[i]!
    },
    int64({ X }, _attrs, { Out }) {
      const out = Out.data as BigInt64Array
      const [first, second, ...rest] = operands(X, Out) as BigInt64Array[]
      if (first === undefined) return
      if (second === undefined) {
        if (first !== out) out.set(first)
        return
      }
      for (let i = 0; i < out.length; i++) out[i] = first[i]! + second[i]!
      for (const x of rest) for (let i = 0; i < out.length; i++) out[i] = out[i]! + x[i]!
    },
    selectedRows: sumVariables,
  },
})

function kindOfSum(kinds: readonly (MetaKind | undefined)[]): MetaKind {
  if (kinds.includes('LOD_TENSOR_ARRAY')) return 'LOD_TENSOR_ARRAY'
  return kinds.length > 0 && kinds.every((kind) => kind === 'SELECTED_ROWS') ? 'SELECTED_ROWS' : 'LOD_TENSOR'
}

/** @throws InvalidArgumentError E206 (no input), E203 (shapes), E210 (element types). */
function sumMeta(metas: readonly Meta[]): Meta {
  const first = metas[0]
  if (first === undefined) {
    throw new InvalidArgumentError('E206', 'sum: input slot X needs at least one variable with a value, got none', {
      where: { slot: 'X' },
    })
  }
  const kind = kindOfSum(metas.map((meta) => meta.kind ?? 'LOD_TENSOR'))
  if (kind === 'LOD_TENSOR_ARRAY') return { ...first, kind }
  let shape: Shape | undefined
  for (const [i, meta] of metas.entries()) {
    if (meta.dtype !== first.dtype) {
      throw new InvalidArgumentError('E210', `sum: X[0] is ${first.dtype} but X[${i}] is ${meta.dtype}`, {
        where: { slot: 'X' },
        expected: first.dtype,
        got: meta.dtype,
        hint: `put a cast to ${first.dtype} in front of it`,
      })
    }
    if (numel(meta.shape) === 0) continue
    if (shape === undefined) shape = meta.shape
    else if (compatibleShapes(shape, meta.shape)) shape = shape.map((dim, axis) => (dim < 0 ? meta.shape[axis]! : dim))
    else {
      throw new InvalidArgumentError(
        'E203',
        `sum: all inputs must have one shape, got ${formatShape(shape)} and, as X[${i}], ${formatShape(meta.shape)}`,
        { where: { slot: 'X' }, expected: shape, got: meta.shape },
      )
    }
  }
  return { dtype: first.dtype, shape: shape ?? first.shape, ...(kind === 'LOD_TENSOR' ? {} : { kind }) }
}

/** The inputs with elements; from the third on, those in Out's memory are copied, as Out is written before they are read. */
function operands<D extends NumberArray | BigInt64Array>(
  tensors: readonly (KernelTensor<D> | undefined)[],
  out: KernelTensor<D>,
): D[] {
  const present = tensors.filter((x) => x !== undefined && x.data.length === out.data.length) as KernelTensor<D>[]
  return present.map(({ data }, i) =>
    i >= 2 && data.buffer === out.data.buffer && data.byteOffset === out.data.byteOffset ? (data.slice() as D) : data,
  )
}

function sumVariables(ctx: ScopeKernelContext): void {
  const values = ctx
    .inputNames('X')
    .map((name) => ctx.get(name))
    .filter((value) => value !== undefined)
  const target = ctx.outputNames('Out')[0]!
  if (values.some((value) => value instanceof TensorArray)) ctx.set(target, sumArrays(values))
  else if (values.every((value) => value instanceof SelectedRows)) {
    const filled = values.filter((value) => value.rows.length > 0)
    ctx.set(target, filled.length === 0 ? values[0]! : mergeRepeated(concatRows('sum', filled)))
  } else ctx.set(target, sumDense(values as (Tensor | SelectedRows)[]))
}

/** A new dense tensor; rows are added one after the other. */
function sumDense(values: readonly (Tensor | SelectedRows)[]): Tensor {
  const shapes = values.map((value) => (value instanceof SelectedRows ? value.denseShape : value.shape))
  const first = values[0]!
  const dtype = first instanceof SelectedRows ? first.value.dtype : first.dtype
  const out = Tensor.zeros(dtype, shapes.find((shape) => product(shape) > 0) ?? shapes[0]!)
  const to = numbersOf('sum', out)
  for (const value of values) {
    const from = numbersOf('sum', value instanceof SelectedRows ? value.value : value)
    if (value instanceof Tensor) {
      for (let i = 0; i < from.length; i++) to[i] = to[i]! + from[i]!
      continue
    }
    const width = product(value.value.shape, 1)
    value.rows.forEach((row, i) => {
      for (let k = 0; k < width; k++) to[row * width + k] = to[row * width + k]! + from[i * width + k]!
    })
  }
  return out
}

/** @throws InvalidArgumentError E203 if a dense tensor or selected rows are among them, or shapes at one position differ. */
function sumArrays(values: readonly Value[]): TensorArray {
  const items: Tensor[] = []
  for (const value of values) {
    if (!(value instanceof TensorArray)) {
      throw new InvalidArgumentError('E203', 'sum: tensor arrays can only be added to tensor arrays', {
        where: { slot: 'X' },
      })
    }
    value.items.forEach((item, i) => {
      const present = items[i]
      if (present === undefined || present.size === 0) items[i] = item.clone()
      else if (item.size > 0) {
        sumMeta([present, item])
        items[i] = sumDense([present, item])
      }
    })
  }
  return new TensorArray(items)
}
