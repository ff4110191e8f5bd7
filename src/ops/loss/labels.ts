/** What the operators that compare predictions with class labels share. */
import { InvalidArgumentError, makeError } from '../../errors.ts'
import type { Meta } from '../../framework/op_def.ts'
import { isInteger } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'

/** @throws InvalidArgumentError E210 unless hard labels are integers and soft ones have the element type of the predictions. */
export function requireLabelType(opType: string, slot: string, X: Meta, Label: Meta, soft: boolean): void {
  if (soft ? Label.dtype === X.dtype : isInteger(Label.dtype)) return
  const wanted = soft ? X.dtype : 'an integer type'
  throw new InvalidArgumentError(
    'E210',
    `${opType}: a ${soft ? 'soft' : 'hard'} Label must be ${soft ? `${X.dtype} as ${slot} is` : 'of an integer type'}, got ${Label.dtype}`,
    { where: { opType, slot: 'Label' }, expected: wanted, got: Label.dtype },
  )
}

/**
 * Label against the predictions X, whose dimension `axis` is the class: a soft label has the shape of X, a hard one 1 class.
 * @throws InvalidArgumentError E203.
 */
export function requireLabelShape(
  opType: string,
  slot: string,
  X: Meta,
  Label: Meta,
  axis: number,
  soft: boolean,
): void {
  const wanted = soft ? X.shape : X.shape.map((dim, i) => (i === axis ? 1 : dim))
  const fits =
    Label.shape.length === wanted.length &&
    Label.shape.every((dim, i) => dim === wanted[i] || dim < 0 || wanted[i]! < 0)
  if (fits) return
  throw new InvalidArgumentError(
    'E203',
    `${opType}: a ${soft ? 'soft' : 'hard'} Label for ${slot} of shape ${formatShape(X.shape)} must have shape ${formatShape(wanted)}, got ${formatShape(Label.shape)}`,
    { where: { opType, slot: 'Label' }, expected: wanted, got: Label.shape },
  )
}

/** @throws OutOfRangeError E216 (or another category where Paddle has one) for a label outside [0, classes). */
export function requireClass(
  opType: string,
  label: number,
  classes: number,
  row: number,
  category: 'OutOfRange' | 'InvalidArgument' | 'EnforceNotMet' = 'OutOfRange',
): void {
  if (label >= 0 && label < classes) return
  throw makeError(category, 'E216', `${opType}: label ${label} of row ${row} is outside [0, ${classes})`, {
    where: { opType, slot: 'Label' },
    expected: [0, classes - 1],
    got: label,
  })
}

/** Paddle's stand-in for an infinite logarithm. */
const LARGEST_LOG = 1e20

/** log(p), with -1e20 for probability 0 and 1e20 for infinity. */
export function boundedLog(p: number): number {
  const value = Math.log(p)
  return value === Infinity ? LARGEST_LOG : value === -Infinity ? -LARGEST_LOG : value
}
