/**
 * Arithmetic on variables: each call appends an operator to the variable's program. A number as the second operand becomes a `scale`.
 * Source: python/paddle/base/layers/math_op_patch.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import type { Variable } from './variable.ts'

/** What arithmetic accepts beside a variable. */
export type Operand = Variable | number

type Attrs = Readonly<Record<string, unknown>>

/** Appends an operator over `a` and other inputs. Its result is `tmp_<n>`, or that of a layer of its own: `square_0.tmp_0`. */
function append(type: string, a: Variable, others: Readonly<Record<string, Variable>>, attrs: Attrs, layer?: string) {
  const { program } = a.block
  const { names } = program
  const block = program.currentBlock()
  const name = names.generate(layer === undefined ? 'tmp' : `${names.generate(layer)}.tmp`)
  const out = block.createVar({ name, dtype: a.dtype })
  block.appendOp({ type, inputs: { X: a, ...others }, outputs: { Out: out }, attrs })
  return out
}

/** `a op b` as an element-wise operator. @throws InvalidArgumentError E303 for operands of different programs. */
export function binary(type: string, a: Variable, b: Variable): Variable {
  if (b.block.program !== a.block.program) {
    throw new InvalidArgumentError('E303', `${type}: "${a.name}" and "${b.name}" belong to different programs`)
  }
  return append(type, a, { Y: b }, { axis: -1 })
}

/** scale * a + bias. */
export const scaleBias = (a: Variable, scale: number, bias: number): Variable => append('scale', a, {}, { scale, bias })

/** An operator X → Out as a layer. */
export const unary = (type: string, a: Variable): Variable => append(type, a, {}, {}, type)

/** The matrix product as a layer `matmul_v2_<n>`. */
export const matmul = (a: Variable, b: Variable, transX: boolean, transY: boolean): Variable =>
  append('matmul_v2', a, { Y: b }, { trans_x: transX, trans_y: transY }, 'matmul_v2')

/** A reduction as a layer `mean_<n>` or `sum_<n>`; no axis reduces all. */
export function reduce(
  type: string,
  layer: string,
  a: Variable,
  axis: number | readonly number[] | undefined,
  keepDim: boolean,
): Variable {
  const dim = axis === undefined ? [] : typeof axis === 'number' ? [axis] : axis
  const all = dim.length === 0 || dim.length === a.shape.length
  return append(type, a, {}, { dim, keep_dim: keepDim, reduce_all: all }, layer)
}
