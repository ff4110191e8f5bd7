/** Lowerings of comparisons, logic, operators on bits, tests for infinite numbers and NaN, and choices by truth values. */
import type { PlannedTensor } from '../../executor/backend.ts'
import { numel } from '../../tensor/shape.ts'
import { isTrue, toFloat32, truth } from './conversions.ts'
import { hasLanes } from './elements.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import type { Lowering } from './lowerings.ts'
import { broadcastOperands, whole } from './op_reader.ts'

const { and, constant } = e

type Mask = (x: Formula, y: Formula) => Formula

/** Masks of comparisons of float32 and of int32. */
const COMPARISONS: Readonly<Record<string, readonly [float: Mask, whole: Mask]>> = {
  equal: [e.eq, e.eqInt],
  not_equal: [e.ne, (x, y) => e.not(e.eqInt(x, y))],
  less_than: [e.lt, e.ltInt],
  less_equal: [e.le, (x, y) => e.not(e.gtInt(x, y))],
  greater_than: [e.gt, e.gtInt],
  greater_equal: [e.ge, (x, y) => e.not(e.ltInt(x, y))],
}

const CONNECTIVES: Readonly<Record<string, Mask>> = { logical_and: e.and, logical_or: e.or, logical_xor: e.xor }

const isCovered = (...tensors: (PlannedTensor | undefined)[]): boolean =>
  tensors.every((tensor) => tensor !== undefined && hasLanes(tensor.dtype) && numel(tensor.shape) > 0)

const binary =
  (mask: (x: Formula, y: Formula, X: PlannedTensor) => Formula, held: (mask: Formula) => Formula = truth): Lowering =>
  (op) => {
    const [X, Y, Out] = [op.input('X'), op.input('Y'), op.output('Out')]
    if (!isCovered(X, Y, Out)) return undefined
    const { space, x, y } = broadcastOperands(op.type, X!, Y!, -1)
    return [loop(space, { target: Out!, value: held(mask(x, y, X!)) })]
  }

const compare = ([float, ofWhole]: readonly [Mask, Mask]): Lowering =>
  binary((x, y, { dtype }) => {
    const isWhole = dtype === 'int32' || dtype === 'bool' || dtype === 'uint8'
    return isWhole ? ofWhole(x, y) : float(toFloat32(x, dtype), toFloat32(y, dtype))
  })

const test =
  (mask: (x: Formula) => Formula): Lowering =>
  (op) => {
    const [X, Out] = [op.input('X'), op.output('Out')]
    if (!isCovered(X, Out) || X!.dtype === 'int32' || X!.dtype === 'uint8') return undefined
    return [loop(X!.shape, { target: Out!, value: truth(mask(toFloat32(whole(X!), X!.dtype))) })]
  }

const not: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!isCovered(X, Out)) return undefined
  return [loop(X!.shape, { target: Out!, value: truth(e.not(isTrue(whole(X!), X!.dtype))) })]
}

/** Bits are held in 32-bit numbers with zeros above, which stay zeros where two such are joined. */
const bitwise =
  (join: Mask): Lowering =>
  (op) => {
    const dtype = op.input('X')?.dtype
    return isBits(dtype) ? binary(join, (bits) => bits)(op) : undefined
  }

const isBits = (dtype: string | undefined): boolean => dtype === 'int32' || dtype === 'bool' || dtype === 'uint8'

const bitwiseNot: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (!isCovered(X, Out) || !isBits(X!.dtype)) return undefined
  const held = whole(X!)
  const value =
    X!.dtype === 'bool'
      ? truth(e.not(isTrue(held, 'bool')))
      : X!.dtype === 'uint8'
        ? and(e.not(held), e.bits(0xff))
        : e.not(held)
  return [loop(X!.shape, { target: Out!, value })]
}

const size = (x: Formula): Formula => e.abs(x)
const infinity = constant(Number.POSITIVE_INFINITY)

/** Out = X where Condition is true, else Y. */
const where: Lowering = (op) => {
  const [Condition, X, Y, Out] = [op.input('Condition'), op.input('X'), op.input('Y'), op.output('Out')]
  if (!isCovered(Condition, X, Y, Out)) return undefined
  const chosen = isTrue(whole(Condition!), Condition!.dtype)
  return [loop(Out!.shape, { target: Out!, value: e.select(chosen, whole(X!, Out!.shape), whole(Y!, Out!.shape)) })]
}

const whereGrad: Lowering = (op) => {
  const [Condition, dOut] = [op.input('Condition'), op.input('Out@GRAD')]
  const [dX, dY] = [op.output('X@GRAD'), op.output('Y@GRAD')]
  if (!isCovered(Condition, dOut)) return undefined
  const chosen = isTrue(whole(Condition!), Condition!.dtype)
  const dout = whole(dOut!)
  const statements = [
    { target: dX, value: and(dout, chosen) },
    { target: dY, value: e.andnot(dout, chosen) },
  ].filter((statement): statement is { target: PlannedTensor; value: Formula } => statement.target !== undefined)
  return statements.length === 0 ? [] : [loop(dOut!.shape, ...statements)]
}

export const logic: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(Object.entries(COMPARISONS).map(([type, masks]) => [type, compare(masks)])),
  ...Object.fromEntries(
    Object.entries(CONNECTIVES).map(([type, mask]) => [
      type,
      binary((x, y, { dtype }) => mask(isTrue(x, dtype), isTrue(y, dtype))),
    ]),
  ),
  logical_not: not,
  bitwise_and: bitwise(e.and),
  bitwise_or: bitwise(e.or),
  bitwise_xor: bitwise(e.xor),
  bitwise_not: bitwiseNot,
  isfinite_v2: test((x) => e.lt(size(x), infinity)),
  isinf_v2: test((x) => e.eq(size(x), infinity)),
  isnan_v2: test((x) => e.ne(x, x)),
  where,
  where_grad: whereGrad,
}
