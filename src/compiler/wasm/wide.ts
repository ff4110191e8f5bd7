/**
 * Parts of formulas in float64: the four lanes of a vector as two vectors of two. What comes from float32 and goes back to it is rounded once, so that
 * formulas with errors far below 2^-24 give the float32 next to the true value nearly always. Masks are of 64 bits.
 */
import { select as choose, type Formula, type Operation } from './expression.ts'

/** Lanes 0 and 1, and lanes 2 and 3. */
export interface Wide {
  readonly low: Formula
  readonly high: Formula
}

const formula = (op: Operation, args: readonly Formula[], number = 0): Formula => ({ op, args, number })

const both =
  (make: (...args: Formula[]) => Formula) =>
  (...args: Wide[]): Wide => ({ low: make(...args.map(({ low }) => low)), high: make(...args.map(({ high }) => high)) })

const unary = (op: Operation): ((a: Wide) => Wide) => both((a) => formula(op, [a!]))
const binary = (op: Operation): ((a: Wide, b: Wide) => Wide) => both((a, b) => formula(op, [a!, b!]))
const shift =
  (op: Operation) =>
  (a: Wide, distance: number): Wide =>
    both((value) => formula(op, [value!], distance))(a)

export const widen = (a: Formula): Wide => ({ low: formula('low64', [a]), high: formula('high64', [a]) })
/** Rounded to float32. */
export const narrow = ({ low, high }: Wide): Formula => formula('join64', [low, high])

export function constant(value: number): Wide {
  const both = formula('const64', [], value)
  return { low: both, high: both }
}

export const abs = unary('abs64')
export const neg = unary('neg64')
export const sqrt = unary('sqrt64')
export const trunc = unary('trunc64')
export const add = binary('add64')
export const sub = binary('sub64')
export const mul = binary('mul64')
export const div = binary('div64')
/** NaN if either is NaN. */
export const min = binary('min64')
export const max = binary('max64')
export const eq = binary('eq64')
export const lt = binary('lt64')
export const gt = binary('gt64')
export const and = binary('and')
/** a and not b. */
export const andnot = binary('andnot')
export const or = binary('or')
export const xor = binary('xor')
export const shl = shift('shl64')
export const shrS = shift('shrS64')
export const shrU = shift('shrU64')
export const select: (mask: Wide, whenTrue: Wide, whenFalse: Wide) => Wide = both((mask, a, b) => choose(mask!, a!, b!))

/** c[0] + c[1] v + c[2] v^2 + … */
export function series(v: Wide, coefficients: readonly number[]): Wide {
  return coefficients.reduceRight<Wide | undefined>(
    (sum, coefficient) => (sum === undefined ? constant(coefficient) : add(mul(sum, v), constant(coefficient))),
    undefined,
  )!
}
