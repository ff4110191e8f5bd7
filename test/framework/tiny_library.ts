/** A few small operators, enough for tests of the framework that must not depend on src/ops. They infer, but do not compute. */
import { attr } from '../../src/framework/attr.ts'
import { requireSameDType, requireShape } from '../../src/framework/infer.ts'
import { defineOp, many, one, optional } from '../../src/framework/op_def.ts'
import type { DType } from '../../src/tensor/dtype.ts'
import { broadcast } from '../../src/tensor/shape.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const source = 'test/framework/tiny_library.ts'

/** Out = value everywhere. */
export const fill = defineOp({
  type: 'fill',
  doc: 'A tensor of one value.',
  source,
  inputs: {},
  outputs: { Out: one('') },
  attrs: { shape: attr.dims([]), value: attr.float(0), dtype: attr.dtype('float32') },
  inferMeta: (_, { shape, dtype }) => ({ Out: { shape, dtype: dtype === -1 ? 'float32' : dtype } }),
  grad: 'none',
  constant: ({ shape, value, dtype }) =>
    tensor(new Array<number>(shape.reduce((n, dim) => n * dim, 1)).fill(value), dtype as DType, shape),
  kernels: {},
})

/** Out = X + Y, broadcast. */
export const add = defineOp({
  type: 'add',
  doc: 'X + Y.',
  source,
  inputs: { X: one(''), Y: one('') },
  outputs: { Out: one('') },
  attrs: { axis: attr.int(-1) },
  inferMeta: ({ X, Y }, { axis }) => {
    requireSameDType('add', { X, Y })
    return { Out: { dtype: X.dtype, shape: broadcast('add', X.shape, Y.shape, axis).shape } }
  },
  grad: 'none',
  inplace: { Out: 'X' },
  kernels: {},
})

/** Out = scale * X. */
export const scale = defineOp({
  type: 'scale',
  doc: 'scale * X.',
  source,
  inputs: { X: one('', ['float32', 'float64']) },
  outputs: { Out: one('') },
  attrs: { scale: attr.float(1), bias: attr.float(0) },
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  kernels: {},
})

/** Out = X / mean(X); Mean = mean(X). */
export const normalize = defineOp({
  type: 'normalize',
  doc: 'X over its mean.',
  source,
  inputs: { X: one(''), Weight: optional('') },
  outputs: { Out: one(''), Mean: one('') },
  attrs: { mode: attr.string() },
  inferMeta: ({ X }) => ({ Out: X, Mean: { dtype: X.dtype, shape: [1] } }),
  grad: 'none',
  kernels: {},
})

/** Out of the shape that the constant Shape holds, as far as it is known. */
export const reshape = defineOp({
  type: 'reshape',
  doc: 'X in another shape.',
  source,
  inputs: { X: one(''), Shape: one('') },
  outputs: { Out: one('') },
  attrs: {},
  inferMeta: ({ X }, _, ctx) => ({
    Out: { dtype: X.dtype, shape: Array.from(ctx.constant('Shape')?.data ?? [-1], Number) },
  }),
  grad: 'none',
  kernels: {},
})

/** ParamOut = Param - Grad. */
export const update = defineOp({
  type: 'update',
  doc: 'Param - Grad.',
  source,
  inputs: { Param: one(''), Grad: one('') },
  outputs: { ParamOut: one('') },
  attrs: {},
  inferMeta: ({ Param, Grad }) => {
    requireShape('update', 'Grad', Grad, Param.shape, 'the shape of Param')
    return { ParamOut: Param }
  },
  grad: 'none',
  inplace: { ParamOut: 'Param' },
  kernels: {},
})

/** Runs a block. */
export const runBlock = defineOp({
  type: 'run_block',
  doc: 'Runs sub_block.',
  source,
  inputs: { X: many('') },
  outputs: { Out: many('') },
  attrs: { sub_block: attr.block() },
  inferMeta: () => ({ Out: [] }),
  grad: 'none',
  kernels: {},
})

export const library = { fill, add, scale, normalize, reshape, update, run_block: runBlock }
