/**
 * The end of kernels whose result is batch × rows × columns: runs of columns go from registers to memory, or through the statements of loops
 * that were joined to the kernel.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { product, type Shape } from '../../tensor/shape.ts'
import { loadElements, shiftOf, sizeShift, splatElement, storeElements } from './elements.ts'
import { FormulaEmitter, formulaKey, operandsOf, read, sameOperand } from './expression.ts'
import type { FunctionBuilder, I32, Vector } from './function_builder.ts'
import { i32 } from './instructions.ts'
import type { Epilogue, Kernel, Operand, Statement } from './ir.ts'
import { fullStrides } from './loop.ts'

export interface ResultView {
  readonly result: PlannedTensor
  /** The result's dimensions; the first `batchDims` are the batch, the next `rowDims` the rows, the others the columns. */
  readonly space: Shape
  readonly batchDims: number
  readonly rowDims: number
}

/** Where a run of `width` columns stands. */
export interface Run {
  readonly batch: I32
  readonly row: I32
  readonly column: I32
  readonly width: number
}

/** Stores `width` columns, four to a vector. */
export type StoreRun = (at: Run, sums: readonly Vector[]) => void

type Steps = readonly [batch: number, row: number, column: number]

export class ResultEnd {
  /** What the kernel must be given the addresses of, in this order: targets, then operands. */
  readonly args: readonly PlannedTensor[]
  readonly targets: readonly PlannedTensor[]
  readonly key: string
  readonly #formulas
  readonly #operands: readonly Operand[]
  readonly #steps: readonly Steps[]
  readonly #full: Steps
  readonly #result: PlannedTensor

  /** `statements` are those of joined loops; without them the result is stored as it is. */
  constructor(view: ResultView, statements: readonly Statement[] | undefined) {
    const { result, space, batchDims, rowDims } = view
    const strides = fullStrides(space)
    const plain = [{ target: result, value: read({ tensor: result, strides }) }]
    const list = statements ?? plain
    this.#result = result
    this.#formulas = list.map(({ value }) => value)
    this.targets = list.map(({ target }) => target)
    this.#operands = operandsOf(this.#formulas).filter(({ tensor }) => tensor !== result)
    this.#steps = this.#operands.map((operand) => stepsOf(view, operand)!)
    const rows = product(space, batchDims, batchDims + rowDims)
    const columns = product(space, batchDims + rowDims)
    this.#full = [product(space, 0, batchDims) > 1 ? rows * columns : 0, columns, 1]
    this.args = [...this.targets, ...this.#operands.map(({ tensor }) => tensor)]
    this.key = [
      this.#full.join(),
      this.#steps.join(':'),
      this.targets.length,
      [...this.targets.map(({ dtype }) => sizeShift(dtype)), ...this.#operands.map(shiftOf)].join(''),
      formulaKey(this.#formulas, (operand) => this.#numberOf(operand)),
    ].join('|')
  }

  #numberOf(operand: Operand): number {
    return this.#operands.findIndex((known) => sameOperand(known, operand))
  }

  /** Puts constants into locals, and gives the function that emits the storing of a run; `addresses` are those of `args`. */
  emit(f: FunctionBuilder, addresses: readonly I32[]): StoreRun {
    const emitter = new FormulaEmitter(f, this.#formulas)
    emitter.prepare()
    const stores = addresses.slice(0, this.targets.length)
    const loads = addresses.slice(this.targets.length)
    const steps = this.#steps
    const targetShifts = this.targets.map(({ dtype }) => sizeShift(dtype))
    const shifts = this.#operands.map(shiftOf)
    return ({ batch, row, column, width }, sums) => {
      const place = (base: I32, shift: number, [sb, sr, sc]: Steps): I32 => {
        let elements: I32 = i32.mul(row, i32.const(sr))
        if (sb !== 0) elements = i32.add(elements, i32.mul(batch, i32.const(sb)))
        if (sc !== 0) elements = i32.add(elements, column)
        return f.let(i32.add(base, i32.shl(elements, i32.const(shift))))
      }
      const from = loads.map((base, i) => place(base, shifts[i]!, steps[i]!))
      const to = stores.map((base, i) => place(base, targetShifts[i]!, this.#full))
      sums.forEach((sum, v) => {
        const lanes = Math.min(4, width - 4 * v)
        const held = from.map((address, i) =>
          f.let(
            steps[i]![2] === 0
              ? splatElement(address, shifts[i]!)
              : loadElements(address, shifts[i]!, lanes, (4 * v) << shifts[i]!),
          ),
        )
        const values = emitter.valuesOf((operand) =>
          operand.tensor === this.#result ? sum : held[this.#numberOf(operand)]!,
        )
        const results = values.length > 1 ? values.map((value) => f.let(value)) : values
        for (let i = 0; i < results.length; i++) {
          const shift = targetShifts[i]!
          storeElements(f, to[i]!, shift, results[i]!, lanes, (4 * v) << shift)
        }
      })
    }
  }
}

/** Lets loops over the result be joined; `attach` makes the kernel that ends in them. */
export function resultEpilogue(
  view: ResultView,
  needsResult: boolean,
  attach: (statements: readonly Statement[]) => Kernel,
): Epilogue {
  return {
    result: view.result,
    space: view.space,
    needsResult,
    anyType: true,
    accepts: (operand) => stepsOf(view, operand) !== undefined,
    attach,
  }
}

/** Strides of an operand by batch, row and column; undefined where the dimensions of one of them do not go on evenly. */
function stepsOf({ space, batchDims, rowDims }: ResultView, { strides }: Operand): Steps | undefined {
  const merge = (from: number, to: number): number | undefined => {
    let step = 0
    let size = 1
    for (let d = to - 1; d >= from; d--) {
      if (space[d] === 1) continue
      if (size === 1) step = strides[d]!
      else if (strides[d] !== step * size) return undefined
      size *= space[d]!
    }
    return step
  }
  const batch = merge(0, batchDims)
  const row = merge(batchDims, batchDims + rowDims)
  const column = merge(batchDims + rowDims, space.length)
  if (batch === undefined || row === undefined || column === undefined || column > 1) return undefined
  return [batch, row, column]
}
