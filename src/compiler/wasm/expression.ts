/**
 * Formulas over four numbers of 32 bits at a time, as data: a directed graph of lane-wise operations over operands and constants. Loops and the ends of
 * matrix products are emitted from them, and equal formulas share one kernel. Where float32 is too coarse, parts of a formula work on float64, two
 * at a time: wide.ts makes them.
 */
import type { FunctionBuilder, Local, Vector } from './function_builder.ts'
import { type Code, f32x4, f64x2, i32, i32x4, i64x2, v128 } from './instructions.ts'
import type { Operand } from './ir.ts'

const UNARY = {
  neg: f32x4.neg,
  abs: f32x4.abs,
  sqrt: f32x4.sqrt,
  floor: f32x4.floor,
  ceil: f32x4.ceil,
  trunc: f32x4.trunc,
  nearest: f32x4.nearest,
  not: v128.not,
  toInt: i32x4.truncSatF32x4S,
  toFloat: f32x4.convertI32x4S,
  /** Lanes 0 and 1, and lanes 2 and 3, as float64. */
  low64: f64x2.promoteLowF32x4,
  high64: (a: Vector) => f64x2.promoteLowF32x4(v128.shuffle32(a, a, [2, 3, 2, 3])),
  abs64: f64x2.abs,
  neg64: f64x2.neg,
  sqrt64: f64x2.sqrt,
  trunc64: f64x2.trunc,
} as const

const BINARY = {
  add: f32x4.add,
  sub: f32x4.sub,
  mul: f32x4.mul,
  div: f32x4.div,
  /** NaN if either is NaN. */
  min: f32x4.min,
  max: f32x4.max,
  /** b < a ? b : a, so a where either is NaN. */
  pmin: f32x4.pmin,
  pmax: f32x4.pmax,
  eq: f32x4.eq,
  ne: f32x4.ne,
  lt: f32x4.lt,
  gt: f32x4.gt,
  le: f32x4.le,
  ge: f32x4.ge,
  and: v128.and,
  andnot: v128.andnot,
  or: v128.or,
  xor: v128.xor,
  addInt: i32x4.add,
  subInt: i32x4.sub,
  mulInt: i32x4.mul,
  eqInt: i32x4.eq,
  ltInt: i32x4.ltS,
  gtInt: i32x4.gtS,
  add64: f64x2.add,
  sub64: f64x2.sub,
  mul64: f64x2.mul,
  div64: f64x2.div,
  min64: f64x2.min,
  max64: f64x2.max,
  eq64: f64x2.eq,
  lt64: f64x2.lt,
  gt64: f64x2.gt,
  /** The float64 of a and of b, each rounded to float32. */
  join64: (a: Vector, b: Vector) => v128.shuffle32(f32x4.demoteF64x2Zero(a), f32x4.demoteF64x2Zero(b), [0, 1, 4, 5]),
} as const

const SHIFTS = {
  shl: i32x4.shl,
  shrS: i32x4.shrS,
  shrU: i32x4.shrU,
  shl64: i64x2.shl,
  shrS64: i64x2.shrS,
  shrU64: i64x2.shrU,
} as const

const CONSTANTS = { const: f32x4.const, bits: i32x4.const, const64: f64x2.const } as const

export type Operation =
  | keyof typeof UNARY
  | keyof typeof BINARY
  | keyof typeof SHIFTS
  | keyof typeof CONSTANTS
  | 'select'
  | 'rarely'
  | 'read'

/** A value in each of four lanes. Comparisons give all ones or all zeros. */
export interface Formula {
  readonly op: Operation
  readonly args: readonly Formula[]
  /** The number of 'const' (float32) and 'const64', the bits of 'bits' (int32), the distance of a shift. */
  readonly number: number
  /** Of 'read': what is read. */
  readonly operand?: Operand
}

const unary =
  (op: keyof typeof UNARY) =>
  (a: Formula): Formula => ({ op, args: [a], number: 0 })
const binary =
  (op: keyof typeof BINARY) =>
  (a: Formula, b: Formula): Formula => ({ op, args: [a, b], number: 0 })
const shift =
  (op: keyof typeof SHIFTS) =>
  (a: Formula, distance: number): Formula => ({ op, args: [a], number: distance })

export const constant = (value: number): Formula => ({ op: 'const', args: [], number: Math.fround(value) })
export const bits = (value: number): Formula => ({ op: 'bits', args: [], number: value | 0 })
export const read = (operand: Operand): Formula => ({ op: 'read', args: [], number: 0, operand })
export const neg = unary('neg')
export const abs = unary('abs')
export const sqrt = unary('sqrt')
export const floor = unary('floor')
export const ceil = unary('ceil')
export const trunc = unary('trunc')
export const nearest = unary('nearest')
export const not = unary('not')
export const toInt = unary('toInt')
export const toFloat = unary('toFloat')
export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const min = binary('min')
export const max = binary('max')
export const pmin = binary('pmin')
export const pmax = binary('pmax')
export const eq = binary('eq')
export const ne = binary('ne')
export const lt = binary('lt')
export const gt = binary('gt')
export const le = binary('le')
export const ge = binary('ge')
export const and = binary('and')
/** a and not b. */
export const andnot = binary('andnot')
export const or = binary('or')
export const xor = binary('xor')
export const addInt = binary('addInt')
export const subInt = binary('subInt')
export const mulInt = binary('mulInt')
export const eqInt = binary('eqInt')
export const ltInt = binary('ltInt')
export const gtInt = binary('gtInt')
export const shl = shift('shl')
export const shrS = shift('shrS')
export const shrU = shift('shrU')
/** `whenTrue` in the lanes where the mask is all ones. */
export const select = (mask: Formula, whenTrue: Formula, whenFalse: Formula): Formula => ({
  op: 'select',
  args: [mask, whenTrue, whenFalse],
  number: 0,
})
/** `rare` in the lanes where the mask is all ones, computed only where there is such a lane: for arguments that need long formulas. */
export const rarely = (mask: Formula, rare: Formula, usual: Formula): Formula => ({
  op: 'rarely',
  args: [mask, rare, usual],
  number: 0,
})

/** The operands that the formulas read, each once, in the order in which they are met. */
export function operandsOf(formulas: readonly Formula[]): Operand[] {
  const found: Operand[] = []
  const seen = new Set<Formula>()
  const visit = (formula: Formula): void => {
    if (seen.has(formula)) return
    seen.add(formula)
    if (formula.operand !== undefined && !found.some((known) => sameOperand(known, formula.operand!))) {
      found.push(formula.operand)
    }
    for (const arg of formula.args) visit(arg)
  }
  for (const formula of formulas) visit(formula)
  return found
}

export const sameOperand = (a: Operand, b: Operand): boolean =>
  a.tensor === b.tensor && a.strides.length === b.strides.length && a.strides.every((step, d) => step === b.strides[d])

/** The formulas with some operands replaced; what stays the same is shared. */
export function substitute(formula: Formula, replace: (operand: Operand) => Formula | undefined): Formula {
  const done = new Map<Formula, Formula>()
  const visit = (node: Formula): Formula => {
    const known = done.get(node)
    if (known !== undefined) return known
    let result = node
    if (node.operand !== undefined) {
      result = replace(node.operand) ?? node
    } else if (node.args.length > 0) {
      const args = node.args.map(visit)
      if (args.some((arg, i) => arg !== node.args[i])) result = { ...node, args }
    }
    done.set(node, result)
    return result
  }
  return visit(formula)
}

/** Text that is equal for formulas that give equal code; `numberOf` names operands. */
export function formulaKey(formulas: readonly Formula[], numberOf: (operand: Operand) => number): string {
  const numbers = new Map<Formula, number>()
  const parts: string[] = []
  const visit = (formula: Formula): number => {
    const known = numbers.get(formula)
    if (known !== undefined) return known
    const args = formula.args.map(visit)
    const detail =
      formula.operand !== undefined
        ? numberOf(formula.operand)
        : Object.is(formula.number, -0)
          ? '-0'
          : formula.number === 0
            ? ''
            : formula.number
    const number = numbers.size
    parts.push(`${formula.op}${detail}(${args.join()})`)
    numbers.set(formula, number)
    return number
  }
  const results = formulas.map(visit)
  return `${parts.join(';')}>${results.join()}`
}

/** Code for formulas: constants are put into locals by `prepare`, before the loop; `values` goes inside of it. */
export class FormulaEmitter {
  readonly #f: FunctionBuilder
  readonly #formulas: readonly Formula[]
  readonly #constants = new Map<string, Local<'v128'>>()
  readonly #fixed = new Map<Formula, Vector>()

  constructor(f: FunctionBuilder, formulas: readonly Formula[]) {
    this.#f = f
    this.#formulas = formulas
  }

  /** A literal vector costs several instructions wherever it stands, a local one or none. */
  prepare(): void {
    const seen = new Set<Formula>()
    const visit = (formula: Formula): void => {
      if (seen.has(formula)) return
      seen.add(formula)
      if (isConstant(formula)) {
        const key = constantKey(formula)
        if (!this.#constants.has(key)) this.#constants.set(key, this.#f.let(CONSTANTS[formula.op](formula.number)))
      }
      for (const arg of formula.args) visit(arg)
    }
    for (const formula of this.#formulas) visit(formula)
  }

  /** Computes before the loop what depends on constants and on operands that do not change in it. */
  hoist(fixed: (operand: Operand) => Vector | undefined): void {
    const known = new Map<Formula, boolean>()
    const isFixed = (formula: Formula): boolean => {
      let result = known.get(formula)
      if (result === undefined) {
        result =
          formula.operand !== undefined
            ? fixed(formula.operand) !== undefined
            : formula.args.every((arg) => isFixed(arg))
        known.set(formula, result)
      }
      return result
    }
    const seen = new Set<Formula>()
    const visit = (formula: Formula): void => {
      if (seen.has(formula) || formula.args.length === 0) return
      seen.add(formula)
      if (!isFixed(formula)) {
        formula.args.forEach(visit)
        return
      }
      const compute = (node: Formula): Vector => {
        const held = this.#fixed.get(node)
        if (held !== undefined) return held
        if (node.operand !== undefined) return fixed(node.operand)!
        if (node.args.length === 0) return this.#constants.get(constantKey(node))!
        const value = this.#f.let(instruction(node, node.args.map(compute)))
        this.#fixed.set(node, value)
        return value
      }
      compute(formula)
    }
    this.#formulas.forEach(visit)
  }

  /** The values of the formulas, given those of the operands. What is used more than once is computed once. */
  valuesOf(operandValue: (operand: Operand) => Vector): Vector[] {
    const uses = new Map<Formula, number>()
    const tally = (formula: Formula): void => {
      const count = uses.get(formula) ?? 0
      uses.set(formula, count + 1)
      if (count === 0) for (const arg of formula.args) tally(arg)
    }
    for (const formula of this.#formulas) tally(formula)
    let kept = new Map<Formula, Code<'v128'>>()
    const visit = (formula: Formula): Code<'v128'> => {
      const known = kept.get(formula) ?? this.#fixed.get(formula)
      if (known !== undefined) return known
      let code: Code<'v128'>
      if (formula.operand !== undefined) code = operandValue(formula.operand)
      else if (isConstant(formula)) code = this.#constants.get(constantKey(formula))!
      else if (formula.op === 'rarely') code = visitRare(formula.args as [Formula, Formula, Formula])
      else {
        const args = formula.args.map(visit)
        code = instruction(formula, args)
        if (uses.get(formula)! > 1) code = this.#f.let(code)
      }
      kept.set(formula, code)
      return code
    }
    const visitRare = ([condition, rare, usual]: [Formula, Formula, Formula]): Code<'v128'> => {
      const mask = this.#f.let(visit(condition))
      const result = this.#f.let(visit(usual))
      this.#f.if(v128.anyTrue(mask), () => {
        // What is computed in here is not there for what follows.
        const outside = kept
        kept = new Map(outside)
        this.#f.set(result, v128.bitselect(visit(rare), result, mask))
        kept = outside
      })
      return result
    }
    return this.#formulas.map(visit)
  }
}

const isConstant = (formula: Formula): formula is Formula & { readonly op: keyof typeof CONSTANTS } =>
  formula.op in CONSTANTS

const constantKey = ({ op, number }: Formula): string => `${op}${Object.is(number, -0) ? '-0' : number}`

function instruction({ op, number }: Formula, args: readonly Vector[]): Vector {
  const [a, b, c] = args as [Vector, Vector, Vector]
  if (op === 'select' || op === 'rarely') return v128.bitselect(b, c, a)
  if (op in SHIFTS) return SHIFTS[op as keyof typeof SHIFTS](a, i32.const(number))
  if (op in UNARY) return UNARY[op as keyof typeof UNARY](a)
  return BINARY[op as keyof typeof BINARY](a, b)
}
