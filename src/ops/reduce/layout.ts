/** Which dimensions a reduction takes away, the shape it leaves, and the walk over the input that its kernels share. */
import type { Meta } from '../../framework/op_def.ts'
import { resolveAxis, type Shape } from '../../tensor/shape.ts'

export interface ReduceAttrs {
  readonly dim: readonly number[]
  readonly keep_dim: boolean
  readonly reduce_all: boolean
}

/**
 * True for each dimension of `shape` that is reduced: all with reduce_all or an empty `dim`. A 0-D tensor has none, but dim 0 and -1 may be named.
 * @throws InvalidArgumentError E202 for a dim past the rank.
 */
export function reducedDims(opType: string, shape: Shape, { dim, reduce_all }: ReduceAttrs): boolean[] {
  if (reduce_all || dim.length === 0) return shape.map(() => true)
  const reduced = shape.map(() => false)
  for (const axis of dim) {
    const resolved = resolveAxis(opType, axis, shape.length === 0 ? [1] : shape, 'dim')
    if (shape.length > 0) reduced[resolved] = true
  }
  return reduced
}

/** Shape of the result. */
export const reducedShape = (X: Meta, reduced: readonly boolean[], keepDim: boolean): Shape =>
  keepDim ? X.shape.map((dim, i) => (reduced[i] ? 1 : dim)) : X.shape.filter((_, i) => !reduced[i])

/** How many elements of X go into one of the result; -1 while a dimension is unknown. */
export function reducedCount(shape: Shape, reduced: readonly boolean[]): number {
  let count = 1
  for (let i = 0; i < shape.length; i++) {
    if (!reduced[i]) continue
    if (shape[i]! < 0) return -1
    count *= shape[i]!
  }
  return count
}

/**
 * Walks over X in memory order, run by run: `visit(start, count, out, step)` is told that the elements start to start + count - 1 belong to
 * the elements out, out + step, … of the result. `step` is 0 where the run is reduced into one element and 1 where it is not.
 */
export function eachRun(
  shape: Shape,
  reduced: readonly boolean[],
  visit: (start: number, count: number, out: number, step: 0 | 1) => void,
): void {
  // Neighbouring dimensions of one kind are walked as one.
  const dims: number[] = []
  const kinds: boolean[] = []
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 0) return
    if (shape[i] === 1) continue
    if (kinds.at(-1) === reduced[i]) dims[dims.length - 1] = dims.at(-1)! * shape[i]!
    else {
      dims.push(shape[i]!)
      kinds.push(reduced[i]!)
    }
  }
  const count = dims.pop() ?? 1
  const step = kinds.pop() === false ? 1 : 0
  const outStrides = new Array<number>(dims.length)
  let stride = step === 1 ? count : 1
  for (let d = dims.length - 1; d >= 0; d--) {
    outStrides[d] = kinds[d] ? 0 : stride
    if (!kinds[d]) stride *= dims[d]!
  }
  const rounds = dims.reduce((product, dim) => product * dim, 1)
  const counter = new Array<number>(dims.length).fill(0)
  let out = 0
  for (let round = 0; round < rounds; round++) {
    visit(round * count, count, out, step)
    for (let d = dims.length - 1; d >= 0; d--) {
      out += outStrides[d]!
      if (++counter[d]! < dims[d]!) break
      out -= outStrides[d]! * dims[d]!
      counter[d] = 0
    }
  }
}
