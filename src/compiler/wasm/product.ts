/** Matrix products as kernels; loops over the result can be joined to their end. */
import { DEPTH, emitGemm, type GemmShape, gemmScratch, splitOf } from './gemm.ts'
import type { Kernel, KernelArgument, Statement } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { ResultEnd, type ResultView, resultEpilogue } from './result_end.ts'

export interface Product extends ResultView {
  readonly shape: GemmShape
  readonly a: KernelArgument
  readonly b: KernelArgument
}

/** A kernel of one product. */
export function productKernel(product: Product): Kernel {
  const { shape } = product
  const kernel = kernelWith(product)
  if (shape.sumBatch === true) return kernel
  return {
    ...kernel,
    epilogue: resultEpilogue(product, shape.k > DEPTH, (statements) => kernelWith(product, statements)),
  }
}

function kernelWith(product: Product, statements?: readonly Statement[]): Kernel {
  const { shape, a, b, result } = product
  const end = new ResultEnd(product, statements)
  const { split, units } = splitOf(shape)
  const scratch = { bytes: gemmScratch(shape) }
  const { batch, m, n, k } = shape
  return {
    kind: 'kernel',
    key: `gemm|${JSON.stringify(shape)}|${end.key}`,
    args: [a, b, result, scratch, ...end.args],
    writes: [...new Set([...end.targets, ...(k > DEPTH || shape.sumBatch ? [result] : [])])],
    units,
    work: batch * m * n * k,
    emit: (module) =>
      kernelFunction(module, 4 + end.args.length, (f, addresses, begin, unitEnd) => {
        const [aAt, bAt, cAt, scratchAt] = addresses as [never, never, never, never]
        const store = end.emit(f, addresses.slice(4))
        emitGemm(f, shape, { a: aAt, b: bAt, c: cAt, scratch: scratchAt }, split, begin, unitEnd, store)
      }),
  }
}
