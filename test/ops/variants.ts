/** Cases made from a good one by the generic rules of bad inputs (R1 to R22): most are wrong, some are right, none may crash. */
import type { Attr } from '../../src/framework/attr_value.ts'
import type { AnyOpDef, Slot } from '../../src/framework/op_def.ts'
import { allocate, type DType, isComplex, isHalf, isInteger } from '../../src/tensor/dtype.ts'
import { numel } from '../../src/tensor/shape.ts'
import { Tensor, type Value, writeElement } from '../../src/tensor/tensor.ts'
import type { OpCase } from './op_case.ts'

export interface Variant {
  readonly rule: string
  readonly given: OpCase
}

const INT_MAX = 2147483647
const INT_MIN = -2147483648
const SWAPPED: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'bool', 'float16', 'bfloat16', 'complex64']
const AXIS = /^(axis|dim|start_axis|stop_axis|perm)$/

export function* variants(base: OpCase, def: AnyOpDef): Generator<Variant> {
  const make = (rule: string, what: string, change: Partial<OpCase>): Variant => ({
    rule,
    given: { ...base, ...change, label: `${rule} ${base.label}: ${what}` },
  })
  const dense = [...base.values].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor)
  const withValue = (name: string, value: Value): Partial<OpCase> => ({
    values: new Map([...base.values].map(([key, old]) => [key, key === name ? value : old])),
  })
  const withAttr = (name: string, value: unknown): Partial<OpCase> => ({ attrs: { ...base.attrs, [name]: value } })

  if (dense.length > 0) {
    const emptied = new Map(base.values)
    for (const [name, value] of dense) emptied.set(name, reshaped(value, [0, ...value.shape.slice(1)]))
    yield make('R1', 'all inputs of size 0', { values: emptied })
  }
  for (const [name, value] of dense) {
    const { shape } = value
    const shapes: [string, string, readonly number[]][] = [
      ['R3', '0-D', []],
      ['R4', 'rank 10', [...new Array<number>(10 - shape.length).fill(1), ...shape]],
      ['R5', 'rank one more, in front', [1, ...shape]],
      ['R5', 'rank one more, behind', [...shape, 1]],
    ]
    if (shape.length > 0) {
      shapes.push(['R5', 'rank one less', shape.slice(1)])
      shapes.push(['R5', 'rank one less, flattened', [numel(shape)]])
    }
    shape.forEach((dim, i) => {
      shapes.push(['R2', `dim ${i} is 0`, shape.with(i, 0)])
      shapes.push(['R6', `dim ${i} one more`, shape.with(i, dim + 1)])
      if (dim > 1) shapes.push(['R6', `dim ${i} one less`, shape.with(i, dim - 1)])
    })
    for (const [rule, what, changed] of shapes) {
      yield make(rule, `${name} ${what}`, withValue(name, reshaped(value, changed)))
    }
    for (const dtype of SWAPPED) {
      if (dtype !== value.dtype) yield make('R7', `${name} is ${dtype}`, withValue(name, converted(value, dtype)))
    }
    if (isInteger(value.dtype)) {
      for (const index of [-1, Math.max(0, ...value.shape), INT_MAX]) {
        if (value.dtype !== 'int32' && value.dtype !== 'int64') continue
        yield make('R18', `${name} holds ${index}`, withValue(name, filled(value, index)))
      }
    } else if (!isComplex(value.dtype) && value.dtype !== 'bool') {
      yield make('R18', `${name} holds NaN`, withValue(name, filled(value, Number.NaN)))
      yield make('R18', `${name} holds -Infinity`, withValue(name, filled(value, -Infinity)))
    }
  }
  for (const [name, declared] of Object.entries(def.attrs) as [string, Attr][]) {
    const value = Object.hasOwn(base.attrs, name) ? base.attrs[name] : declared.default
    for (const [rule, changed] of attrChanges(name, declared, value, dense[0]?.[1])) {
      const text = typeof changed === 'string' && changed.length > 20 ? `${changed.length} letters` : String(changed)
      yield make(rule, `${name} = ${Array.isArray(changed) ? `[${text}]` : text}`, withAttr(name, changed))
    }
  }
  const without = (slots: OpCase['inputs'], slot: string): OpCase['inputs'] =>
    Object.fromEntries(Object.entries(slots).filter(([key]) => key !== slot))
  for (const side of ['inputs', 'outputs'] as const) {
    for (const slot of Object.keys(base[side])) {
      const names = base[side][slot]!
      yield make('R20', `${side} without ${slot}`, { [side]: without(base[side], slot) })
      yield make('R20', `${side} with empty ${slot}`, { [side]: { ...base[side], [slot]: [] } })
      yield make('R12', `${side}: ${slot} is @EMPTY@`, {
        [side]: { ...base[side], [slot]: names.map(() => '@EMPTY@') },
      })
      yield make('R22', `${side}: ${slot} named twice`, { [side]: { ...base[side], [slot]: [...names, ...names] } })
      if (names.length > 1) {
        yield make('R22', `${side}: ${slot} one name short`, { [side]: { ...base[side], [slot]: names.slice(1) } })
      }
    }
  }
  const slots = Object.keys(base.inputs).filter((slot) => base.inputs[slot]!.length > 0)
  for (const a of slots) {
    for (const b of slots) {
      if (a !== b) yield make('R21', `${b} is ${a}`, { inputs: { ...base.inputs, [b]: [base.inputs[a]![0]!] } })
    }
    for (const out of Object.keys(base.outputs)) {
      if (base.outputs[out]!.length === 0) continue
      yield make('R21', `output ${out} is input ${a}`, {
        outputs: { ...base.outputs, [out]: [base.inputs[a]![0]!, ...base.outputs[out]!.slice(1)] },
      })
    }
  }
  for (const [slot, { arity }] of Object.entries(def.inputs) as [string, Slot][]) {
    const first = dense[0]?.[0]
    if (arity === 'one' || first === undefined || (base.inputs[slot] ?? []).length > 0) continue
    yield make('R20', `optional ${slot} given`, { inputs: { ...base.inputs, [slot]: [first] } })
  }
}

function attrChanges(
  name: string,
  { type, meaning }: Attr,
  value: unknown,
  x: Tensor | undefined,
): [string, unknown][] {
  const rank = x?.shape.length ?? 2
  const changes: [string, unknown][] = []
  const isAxis = AXIS.test(name) && meaning === undefined
  switch (type) {
    case 'INT':
    case 'LONG':
      changes.push(['R12', 0], ['R13', -1], ['R14', INT_MAX], ['R17', true], ['R17', 1.5], ['R17', '1'])
      if (isAxis) changes.push(['R11', -rank - 1], ['R11', -rank], ['R11', rank], ['R11', INT_MIN])
      break
    case 'FLOAT':
    case 'FLOAT64':
      changes.push(['R15', 0], ['R15', -1], ['R15', Number.NaN], ['R15', Infinity], ['R15', 3e38], ['R17', 'x'])
      break
    case 'BOOLEAN':
      changes.push(['R17', value !== true], ['R17', 1], ['R17', 2], ['R17', 'true'])
      break
    case 'STRING':
      changes.push(['R16', 'nobody knows this'], ['R16', ''], ['R16', 'x'.repeat(65536)], ['R17', 1])
      break
    default:
  }
  if (Array.isArray(value)) {
    changes.push(['R8', []], ['R17', null], ['R17', ['x']], ['R17', [null]])
    if (value.length > 0) {
      changes.push(['R9', value.slice(1)], ['R9', [...value, value[0]]], ['R10', value.map(() => value[0])])
      value.forEach((_, i) => {
        for (const item of [-rank - 1, rank, INT_MIN, INT_MAX]) {
          if (isAxis) changes.push(['R11', value.with(i, item)])
        }
        for (const item of [0, -1, -2]) if (typeof value[i] === 'number') changes.push(['R13', value.with(i, item)])
      })
      // 2^31 elements: one too many. 65535 * 32768 * 4 bytes: more than a run may take, if the type has 4 bytes.
      if (/shape/.test(name)) changes.push(['R19', [65536, 32768]], ['R19', [INT_MAX, 2]])
    }
  }
  return changes
}

/** The elements, repeated or cut off, in another shape. */
export function reshaped(value: Tensor, shape: readonly number[]): Tensor {
  const lanes = isComplex(value.dtype) ? 2 : 1
  const data = allocate(value.dtype, numel(shape))
  for (let i = 0; i < numel(shape) * lanes; i++)
    data[i] = value.data.length === 0 ? data[i]! : value.data[i % value.data.length]!
  return new Tensor(value.dtype, shape, data)
}

export function converted(value: Tensor, dtype: DType): Tensor {
  const out = Tensor.zeros(dtype, value.shape)
  if (isComplex(dtype)) return out
  for (let i = 0; i < value.size; i++) {
    const number = Number(value.at(i))
    const whole = Number.isFinite(number) ? Math.trunc(number) % 100 : 0
    writeElement(
      dtype,
      out.data,
      i,
      dtype === 'bool' ? whole !== 0 : isHalf(dtype) || dtype.startsWith('float') ? number : whole,
    )
  }
  return out
}

export function filled(value: Tensor, element: number): Tensor {
  const out = Tensor.zeros(value.dtype, value.shape)
  for (let i = 0; i < value.size; i++) writeElement(value.dtype, out.data, i, element)
  return out
}
