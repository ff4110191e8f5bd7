/** Matrix products as kernels: which dimensions of the result are batch, rows and columns, and loops over the result joined to their end. */

import type { PlannedTensor } from '../../executor/backend.ts'
import type { Shape } from '../../tensor/shape.ts'
import { loadElements, shiftOf, sizeShift, splatElement, storeElements } from './elements.ts'
import { FormulaEmitter, formulaKey, operandsOf, read, sameOperand } from './expression.ts'
import { DEPTH, emitGemm, type GemmShape, panelBytes, type StoreTile, splitOf } from './gemm.ts'
import { i32 } from './instructions.ts'
import type { Kernel, KernelArgument, Operand, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { fullStrides } from './loop.ts'

export interface Product {
  readonly shape: GemmShape
  readonly a: KernelArgument
  readonly b: KernelArgument
  readonly result: PlannedTensor
  /** The result's dimensions; the first `batchDims` are the batch, the next `rowDims` the rows, the others the columns. */
  readonly space: Shape
  readonly batchDims: number
  readonly rowDims: number
}

/** A kernel of one product. */
export function productKernel(product: Product): Kernel {
  const { result, space, shape } = product
  const plain = [{ target: result, value: read({ tensor: result, strides: fullStrides(space) }) }]
  const kernel = kernelWith(product, plain)
  if (shape.sumBatch === true) return kernel
  return {
    ...kernel,
    epilogue: {
      result,
      space,
      needsResult: shape.k > DEPTH,
      anyType: true,
      accepts: (operand) => tileStrides(product, operand) !== undefined,
      attach: (statements) => kernelWith(product, statements),
    },
  }
}

/** Strides of an operand by batch, row and column of the product; undefined where the dimensions of one of them do not go on evenly. */
function tileStrides(
  { space, batchDims, rowDims }: Product,
  { strides }: Operand,
): readonly [number, number, number] | undefined {
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

function kernelWith(product: Product, statements: readonly Statement[]): Kernel {
  const { shape, a, b, result } = product
  const formulas = statements.map(({ value }) => value)
  const targets = statements.map(({ target }) => target)
  const operands = operandsOf(formulas).filter(({ tensor }) => tensor !== result)
  const strides = operands.map((operand) => tileStrides(product, operand)!)
  const { split, units } = splitOf(shape)
  const panel = { bytes: panelBytes(shape) }
  const numberOf = (operand: Operand): number => operands.findIndex((known) => sameOperand(known, operand))
  const shifts = [...targets.map(({ dtype }) => sizeShift(dtype)), ...operands.map(shiftOf)]
  const key = `gemm|${JSON.stringify(shape)}|${strides.join(':')}|${shifts.join('')}|${targets.length}|${formulaKey(formulas, numberOf)}`
  const { batch, m, n, k } = shape
  const full: readonly [number, number, number] = [shape.sumBatch ? 0 : m * n, n, 1]
  return {
    kind: 'kernel',
    key,
    args: [a, b, result, panel, ...targets, ...operands.map(({ tensor }) => tensor)],
    writes: [...new Set([...targets, ...(k > DEPTH || shape.sumBatch ? [result] : [])])],
    units,
    work: batch * m * n * k,
    emit: (module) =>
      kernelFunction(module, 4 + targets.length + operands.length, (f, addresses, begin, end) => {
        const [aAt, bAt, cAt, panelAt] = addresses as [never, never, never, never]
        const emitter = new FormulaEmitter(f, formulas)
        emitter.prepare()
        const storeTile: StoreTile = ({ batch: batchIndex, tileRow, rowInTile, column, width }, sums) => {
          const row = f.let(i32.add(tileRow, i32.const(rowInTile)))
          const place = (i: number, [sb, sr, sc]: readonly [number, number, number]) => {
            let elements = i32.mul(row, i32.const(sr))
            if (sb !== 0 && batch > 1) elements = i32.add(elements, i32.mul(batchIndex, i32.const(sb)))
            if (sc !== 0) elements = i32.add(elements, column)
            return f.let(i32.add(addresses[4 + i]!, i32.shl(elements, i32.const(shifts[i]!))))
          }
          const from = operands.map((_, i) => place(targets.length + i, strides[i]!))
          const to = targets.map((_, i) => place(i, full))
          sums.forEach((sum, v) => {
            const lanes = Math.min(4, width - 4 * v)
            const held = operands.map((_, i) => {
              const shift = shifts[targets.length + i]!
              const isRepeated = strides[i]![2] === 0
              return f.let(
                isRepeated ? splatElement(from[i]!, shift) : loadElements(from[i]!, shift, lanes, (4 * v) << shift),
              )
            })
            const values = emitter.valuesOf((operand) => (operand.tensor === result ? sum : held[numberOf(operand)]!))
            const results = values.length > 1 ? values.map((value) => f.let(value)) : values
            for (let i = 0; i < results.length; i++)
              storeElements(f, to[i]!, shifts[i]!, results[i]!, lanes, (4 * v) << shifts[i]!)
          })
        }
        emitGemm(f, shape, { a: aAt, b: bAt, c: cAt, panel: panelAt }, split, begin, end, storeTile)
      }),
  }
}
