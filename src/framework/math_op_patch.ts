/**
 * Arithmetic on variables: each call appends an operator to the variable's program. A number as the second operand becomes a `scale`.
 * Source: python/paddle/base/layers/math_op_patch.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import type { Block } from './block.ts'
import { LayerHelperBase } from './layer_helper_base.ts'
import type { Variable } from './variable.ts'

/** What arithmetic accepts beside a variable. */
export type Operand = Variable | number

function temporary(block: Block, like: Variable): Variable {
  return block.createVar({ name: block.program.names.generate('tmp'), dtype: like.dtype })
}

/** `a op b` as an element-wise operator, into a new variable `tmp_<n>`. */
export function binary(type: string, a: Variable, b: Variable): Variable {
  const block = a.block.program.currentBlock()
  if (b.block.program !== a.block.program) {
    throw new InvalidArgumentError('E303', `${type}: "${a.name}" and "${b.name}" belong to different programs`)
  }
  const out = temporary(block, a)
  block.appendOp({ type, inputs: { X: a, Y: b }, outputs: { Out: out }, attrs: { axis: -1 } })
  return out
}

/** scale * a + bias, into a new variable `tmp_<n>`. */
export function scaleBias(a: Variable, scale: number, bias: number): Variable {
  const block = a.block.program.currentBlock()
  const out = temporary(block, a)
  block.appendOp({ type: 'scale', inputs: { X: a }, outputs: { Out: out }, attrs: { scale, bias } })
  return out
}

/** An operator X → Out as a layer of its own: `square_0.tmp_0`. */
export function unary(
  type: string,
  a: Variable,
  attrs: Readonly<Record<string, unknown>> = {},
  layer = type,
): Variable {
  const helper = layerOf(layer, a)
  const out = helper.createVariable(a.dtype)
  helper.appendOp({ type, inputs: { X: a }, outputs: { Out: out }, attrs })
  return out
}

/** The matrix product as a layer `matmul_v2_<n>`. */
export function matmul(a: Variable, b: Variable, transX: boolean, transY: boolean): Variable {
  const helper = layerOf('matmul_v2', a)
  const out = helper.createVariable(a.dtype)
  helper.appendOp({
    type: 'matmul_v2',
    inputs: { X: a, Y: b },
    outputs: { Out: out },
    attrs: { trans_x: transX, trans_y: transY },
  })
  return out
}

/** A reduction as a layer `mean_<n>` or `sum_<n>`; no axis reduces all. */
export function reduce(
  type: string,
  layer: string,
  a: Variable,
  axis: number | readonly number[] | undefined,
  keepDim: boolean,
): Variable {
  const dim = axis === undefined ? [] : typeof axis === 'number' ? [axis] : axis
  return unary(
    type,
    a,
    { dim, keep_dim: keepDim, reduce_all: dim.length === 0 || dim.length === a.shape.length },
    layer,
  )
}

function layerOf(layer: string, a: Variable): LayerHelperBase {
  const { program } = a.block
  return new LayerHelperBase(layer, { programs: { main: program, startup: program.startup ?? program } })
}
