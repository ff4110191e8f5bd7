/** Lowerings of pow and its gradient, computed in float64 and rounded once: 1 unit in the last place from the TypeScript kernels. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { loop } from './elementwise.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, scalar, whole } from './op_reader.ts'
import { constant, mul, narrow, sub, type Wide, widen } from './wide.ts'
import { power } from './wide_functions.ts'

/** x to the power of a number that is known: small whole ones are products. */
function constantPower(x: Wide, exponent: number): Wide {
  if (!Number.isInteger(exponent) || exponent < 0 || exponent > 4) return power(x, constant(exponent))
  return new Array<Wide>(exponent).fill(x).reduce(mul, constant(1))
}

/** The factor, which is an attribute or in FactorTensor, and X to its power less `by`. */
function raised(op: OpReader, X: PlannedTensor, by: number): { readonly factor: Wide; readonly value: Wide } {
  const x = widen(whole(X))
  const given = op.input('FactorTensor')
  if (given === undefined) {
    const factor = op.attr<number>('factor')
    return { factor: constant(factor), value: constantPower(x, factor - by) }
  }
  const factor = widen(scalar(given, X.shape))
  return { factor, value: power(x, by === 0 ? factor : sub(factor, constant(by))) }
}

const pow: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!op.isFloat32() || X === undefined || Out === undefined) return undefined
  return [loop(X.shape, { target: Out, value: narrow(raised(op, X, 0).value) })]
}

/** dX = dOut factor X^(factor - 1) */
const powGrad: Lowering = (op) => {
  const [X, dOut, dX] = [op.input('X'), op.input('Out@GRAD'), op.output('X@GRAD')]
  if (!op.isFloat32() || X === undefined || dOut === undefined) return undefined
  if (dX === undefined) return []
  const { value, factor } = raised(op, X, 1)
  return [loop(X.shape, { target: dX, value: narrow(mul(mul(widen(whole(dOut)), factor), value)) })]
}

export const constantPowers: Readonly<Record<string, Lowering>> = { pow, pow_grad: powGrad }
