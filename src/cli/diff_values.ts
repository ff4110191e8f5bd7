/** What differs between two files of values. */
import { formatShape } from '../tensor/shape.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import type { LoadedValues } from './load_values.ts'
import { type Output, shortNumber, visible } from './output.ts'

export interface ValueDifference {
  readonly change: 'added' | 'removed' | 'changed'
  readonly name: string
  /** Element type and shape on both sides, where they differ. */
  readonly type?: readonly [string, string]
  /** Elements that differ, and the largest difference; absent for what is no dense tensor. */
  readonly elements?: number
  readonly largest?: number
}

/** By name; equal bits are equal, and NaN equals NaN. */
export function diffValues(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): ValueDifference[] {
  const found: ValueDifference[] = []
  for (const [name, from] of a) {
    const to = b.get(name)
    if (to === undefined) found.push({ change: 'removed', name })
    else {
      const changed = compare(from, to)
      if (changed !== undefined) found.push({ change: 'changed', name, ...changed })
    }
  }
  for (const name of b.keys()) if (!a.has(name)) found.push({ change: 'added', name })
  return found
}

const typeOf = (value: Value): string =>
  value instanceof Tensor ? `${value.dtype}${formatShape(value.shape)}` : value.constructor.name

function compare(a: Value, b: Value): Omit<ValueDifference, 'change' | 'name'> | undefined {
  if (typeOf(a) !== typeOf(b)) return { type: [typeOf(a), typeOf(b)] }
  if (!(a instanceof Tensor) || !(b instanceof Tensor)) {
    return JSON.stringify(a.toJSON()) === JSON.stringify(b.toJSON()) ? undefined : {}
  }
  let elements = 0
  let largest = 0
  for (let i = 0; i < a.data.length; i++) {
    if (Object.is(a.data[i], b.data[i])) continue
    elements++
    largest = Math.max(largest, Math.abs(Number(a.at(i)) - Number(b.at(i))) || 0)
  }
  return elements === 0 ? undefined : { elements, largest }
}

export function valueDiffText(found: readonly ValueDifference[], a: LoadedValues, out: Output): string {
  if (found.length === 0) return `${a.found.values.size} values are equal`
  const signs = { added: '+', removed: out.ascii ? '-' : '−', changed: '~' } as const
  const colors = { added: 'green', removed: 'red', changed: 'yellow' } as const
  const arrow = out.ascii ? '->' : '→'
  return found
    .map(({ change, name, type, elements, largest }) => {
      const what =
        type !== undefined
          ? `${type[0]} ${arrow} ${type[1]}`
          : elements !== undefined
            ? `${elements} elements differ, by ${shortNumber(largest!)} at most`
            : ''
      return `${out.style(colors[change], signs[change])} ${visible(name)}   ${what}`.trimEnd()
    })
    .join('\n')
}
