/**
 * Tensors as text: element type and shape first, then the numbers, aligned, at most `limit` of them along each dimension.
 */
import { isFloating } from './dtype.ts'
import { shortestFloat32 } from './float32.ts'
import { formatShape } from './shape.ts'
import type { Tensor } from './tensor.ts'

export interface FormatOptions {
  /** Elements shown along each dimension before the middle is left out; Infinity shows all. Default 6. */
  readonly limit?: number
  /** Adds a line with minimum, maximum, mean and the count of non-finite values. Default false. */
  readonly health?: boolean
}

/** `float32 [2, 3]` and the values below it; a tensor of one element on one line. */
export function formatTensor(value: Tensor, options: FormatOptions = {}): string {
  const limit = options.limit ?? 6
  const head = `${value.dtype} ${formatShape(value.shape)}`
  if (value.shape.length === 0) return `${head}  ${formatNumber(value, 0)}`
  if (value.size === 0) return `${head}  (no elements)`
  const texts = new Map<number, string>()
  let width = 0
  const collect = (level: number, offset: number, stride: number): void => {
    const dim = value.shape[level]!
    const inner = stride / dim
    for (const i of shownIndexes(dim, limit)) {
      if (i < 0) continue
      if (level === value.shape.length - 1) {
        const text = formatNumber(value, offset + i)
        texts.set(offset + i, text)
        width = Math.max(width, text.length)
      } else collect(level + 1, offset + i * inner, inner)
    }
  }
  collect(0, 0, value.size)
  const draw = (level: number, offset: number, stride: number): string => {
    const dim = value.shape[level]!
    const inner = stride / dim
    const parts: string[] = []
    for (const i of shownIndexes(dim, limit)) {
      if (i < 0) parts.push('…')
      else if (level === value.shape.length - 1) parts.push(texts.get(offset + i)!.padStart(width))
      else parts.push(draw(level + 1, offset + i * inner, inner))
    }
    const last = level === value.shape.length - 1
    return `[${parts.join(last ? ' ' : '\n' + ' '.repeat(level + 1))}]`
  }
  const health = options.health === true ? `\n${formatHealth(value)}` : ''
  return `${head}\n${draw(0, 0, value.size)}${health}`
}

/** `min -0.8 max 0.67 mean 0.02 · 0 NaN · 0 Inf`. */
export function formatHealth(value: Tensor): string {
  let min = Infinity
  let max = -Infinity
  let sum = 0
  let finite = 0
  let nan = 0
  let infinite = 0
  for (let i = 0; i < value.size; i++) {
    const x = Number(value.at(i))
    if (Number.isNaN(x)) nan++
    else if (!Number.isFinite(x)) infinite++
    else {
      finite++
      sum += x
      if (x < min) min = x
      if (x > max) max = x
    }
  }
  const short = (x: number): string => String(Number(x.toPrecision(4)))
  const range = finite === 0 ? 'no finite values' : `min ${short(min)} max ${short(max)} mean ${short(sum / finite)}`
  return `${range} · ${nan} NaN · ${infinite} Inf`
}

/** Indexes to show of `dim`; -1 stands for the gap. */
function shownIndexes(dim: number, limit: number): number[] {
  if (dim <= limit) return Array.from({ length: dim }, (_, i) => i)
  const half = Math.max(1, Math.floor(limit / 2))
  return [...Array.from({ length: half }, (_, i) => i), -1, ...Array.from({ length: half }, (_, i) => dim - half + i)]
}

function formatNumber(value: Tensor, index: number): string {
  const element = value.at(index)
  if (typeof element !== 'number') return String(element)
  if (!isFloating(value.dtype) || !Number.isFinite(element)) return String(element)
  const short = value.dtype === 'float32' ? shortestFloat32(element) : element
  const rounded = Number(short.toPrecision(6))
  return Number.isInteger(rounded) && Math.abs(rounded) < 1e16 ? `${rounded}.` : String(rounded)
}
