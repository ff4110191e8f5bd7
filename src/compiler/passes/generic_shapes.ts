/** Shapes in which open dimensions have numbers, so that two of them can be compared. */
import { inferOperator, type MetaSource } from '../../framework/infer.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, type Meta } from '../../framework/op_def.ts'
import type { Operator } from '../../framework/operator.ts'
import type { Program } from '../../framework/program.ts'
import { blockAttrs } from '../../framework/variable_index.ts'
import { hasUnknown, type Shape } from '../../tensor/shape.ts'

/** Larger than dimensions that programs usually state, so that none is equal to one by accident. */
const FIRST_PRIME = 1009

/**
 * Shapes of the variables of block 0 in a run whose inputs have prime numbers for open dimensions, each dimension of each input another one.
 * Dimensions that are equal there come from the same dimension of the same input. A name is absent where inference does not say. Linear in
 * the size of the program.
 */
export function genericShapes(program: Program): ReadonlyMap<string, Shape> {
  const block = program.globalBlock()
  const declared = block.metaSource()
  const found = new Map<string, Meta | undefined>()
  let prime = FIRST_PRIME
  const nextPrime = (): number => {
    const result = prime
    do prime += 2
    while (!isPrime(prime))
    return result
  }
  const opened = (meta: Meta | undefined): Meta | undefined =>
    meta && { ...meta, shape: meta.shape.map((dim) => (dim < 0 ? nextPrime() : dim)) }
  const source: MetaSource = {
    ...declared,
    meta(name) {
      // What no operator has written yet is fed or kept.
      if (!found.has(name)) found.set(name, opened(declared.meta(name)))
      return found.get(name)
    },
  }
  for (const op of block.ops) {
    const def = findOp(program.library, op.type)
    const metas = def && inferred(def, op, source)
    for (const [slot, names] of Object.entries(op.outputs)) {
      names.forEach((name, i) => {
        const meta = declared.meta(name)
        const otherwise = def?.feedHolder !== undefined ? opened(meta) : isFixed(meta) ? meta : undefined
        if (name !== EMPTY_VAR) found.set(name, metas?.[slot]?.[i] ?? otherwise)
      })
    }
  }
  return new Map([...found].flatMap(([name, meta]) => (isFixed(meta) ? [[name, meta.shape] as const] : [])))
}

/** undefined for operators that take values from outside, for those with blocks, and where such numbers do not fit. */
function inferred(def: AnyOpDef, op: Operator, source: MetaSource): ReturnType<typeof inferOperator> | undefined {
  if (def.effects === 'io' || blockAttrs(op, def).length > 0) return undefined
  try {
    return inferOperator(def, op, op.filledAttrs(def), source)
  } catch {
    return undefined
  }
}

const isFixed = (meta: Meta | undefined): meta is Meta => meta !== undefined && !hasUnknown(meta.shape)

function isPrime(number: number): boolean {
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return false
  return true
}
