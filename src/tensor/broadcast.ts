/**
 * Laying a tensor out in the shape that it broadcasts to, and adding a tensor of that shape up again. With operands laid out, element-wise
 * formulas are plain loops over arrays of one length.
 */
import type { NumberArray } from './dtype.ts'
import { product, type Shape, sameShape } from './shape.ts'

/** Neighbouring dimensions of which all are repeated, or none is. */
interface Run {
  readonly size: number
  readonly repeated: boolean
  /** Elements of the large and of the small tensor that one step along the run moves by. */
  readonly largeStep: number
  readonly smallStep: number
}

function runs(small: Shape, large: Shape): Run[] {
  const merged: { size: number; repeated: boolean }[] = []
  for (let i = 0; i < large.length; i++) {
    const size = large[i]!
    if (size === 1) continue
    const repeated = small[i] === 1
    const last = merged[merged.length - 1]
    if (last !== undefined && last.repeated === repeated) last.size *= size
    else merged.push({ size, repeated })
  }
  const result = new Array<Run>(merged.length)
  let largeStep = 1
  let smallStep = 1
  for (let i = merged.length - 1; i >= 0; i--) {
    const { size, repeated } = merged[i]!
    result[i] = { size, repeated, largeStep, smallStep }
    largeStep *= size
    if (!repeated) smallStep *= size
  }
  return result
}

/**
 * The elements of a tensor of shape `small` repeated to shape `large`; `data` itself where the shapes are the same.
 * Both shapes have one rank (`broadcast` of shape.ts lifts them), and a dimension of `small` is that of `large` or 1.
 */
export function expand<D extends NumberArray | BigInt64Array>(data: D, small: Shape, large: Shape): D {
  if (sameShape(small, large)) return data
  const out = new (data.constructor as new (length: number) => D)(product(large))
  if (out.length === 0) return out
  const plan = runs(small, large)
  const fill = (level: number, from: number, to: number): void => {
    const run = plan[level]
    if (run === undefined) {
      out[to] = data[from]!
      return
    }
    const { size, repeated, largeStep, smallStep } = run
    if (level === plan.length - 1) {
      if (repeated) out.fill(data[from] as never, to, to + size)
      else for (let i = 0; i < size; i++) out[to + i] = data[from + i]!
    } else if (repeated) {
      fill(level + 1, from, to)
      const end = to + size * largeStep
      for (let done = largeStep; to + done < end; done *= 2) {
        out.copyWithin(to + done, to, Math.min(to + done, end - done))
      }
    } else {
      for (let i = 0; i < size; i++) fill(level + 1, from + i * smallStep, to + i * largeStep)
    }
  }
  fill(0, 0, 0)
  return out
}

/**
 * The reverse of `expand` for gradients: fills `out`, of shape `small`, with the sums of `data`, of shape `large`, over the repeated
 * dimensions. Sums are kept in float64 and rounded once.
 */
export function reduceTo(data: NumberArray, large: Shape, small: Shape, out: NumberArray): void {
  if (sameShape(small, large)) {
    if (out !== data) out.set(data)
    return
  }
  const sums = out instanceof Float64Array ? out.fill(0) : new Float64Array(out.length)
  if (data.length > 0) {
    const plan = runs(small, large)
    const add = (level: number, from: number, to: number): void => {
      const run = plan[level]
      if (run === undefined) {
        sums[to] = sums[to]! + data[from]!
        return
      }
      const { size, repeated, largeStep, smallStep } = run
      if (level < plan.length - 1) {
        const step = repeated ? 0 : smallStep
        for (let i = 0; i < size; i++) add(level + 1, from + i * largeStep, to + i * step)
      } else if (repeated) {
        let sum = 0
        for (let i = 0; i < size; i++) sum += data[from + i]!
        sums[to] = sums[to]! + sum
      } else {
        for (let i = 0; i < size; i++) sums[to + i] = sums[to + i]! + data[from + i]!
      }
    }
    add(0, 0, 0)
  }
  if (sums !== out) out.set(sums)
}
