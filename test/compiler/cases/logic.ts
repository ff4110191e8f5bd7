/** Random cases of casts, comparisons, logic and choices. */
import type { DType } from '../../../src/tensor/dtype.ts'
import type { Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES } from '../lowering_case.ts'
import { anything } from './movement.ts'

/** Numbers of a type, among them equal ones, the ends of its range, and those that no other type holds. */
export function numbers(random: Random, shape: Shape, dtype: DType): Tensor {
  if (dtype === 'float32') {
    const tensor = random.floats(shape, { special: true })
    const data = (tensor.data as Float32Array).map((value) =>
      random.next() < 0.3
        ? random.pick([2 ** 31, -(2 ** 31), 1e10, 1e20, 65519, 65520, 2 ** -14, 2 ** -25, 3e-7]) * value
        : value,
    )
    return new Tensor(dtype, shape, data)
  }
  if (dtype === 'int64' || dtype === 'int32') {
    const far = anything(random, shape, dtype)
    const near = random.ints(shape, -3, 3, dtype)
    for (let i = 0; i < far.size; i++)
      if (random.next() < 0.6) (far.data as Int32Array)[i] = (near.data as Int32Array)[i]!
    return far
  }
  return anything(random, shape, dtype)
}

const TYPES = ['float32', 'float16', 'bfloat16', 'int32', 'bool', 'uint8', 'int64'] as const

/** int32 and int64 to bfloat16 would be rounded twice. */
function cast(random: Random): LoweringCase {
  const [from, to] = [random.pick(TYPES), random.pick(TYPES)]
  return {
    inputs: { X: numbers(random, random.pick(SHAPES), from) },
    outputs: { Out: 1 },
    attrs: { in_dtype: from, out_dtype: to },
    declined: to === 'bfloat16' && (from === 'int32' || from === 'int64'),
  }
}

/** Two shapes of which one may lack leading dimensions or have ones. */
export function broadcastShapes(random: Random): [Shape, Shape] {
  const shape = random.pick(SHAPES)
  const other = shape.map((size) => (random.next() < 0.25 && size > 0 ? 1 : size)).slice(random.int(0, shape.length))
  return random.next() < 0.5 ? [shape, shape] : [shape, other]
}

const LANES = ['float32', 'float32', 'int32', 'bool', 'float16', 'bfloat16'] as const

function compare(random: Random): LoweringCase {
  const [x, y] = random.shuffled(broadcastShapes(random)) as [Shape, Shape]
  const dtype = random.pick(LANES)
  return {
    inputs: { X: numbers(random, x, dtype), Y: numbers(random, y, dtype) },
    outputs: { Out: 1 },
  }
}

const bits =
  (slots: readonly string[]) =>
  (random: Random): LoweringCase => {
    const dtype = random.pick(['int32', 'uint8', 'bool', 'int64'] as const)
    const shapes = slots.length === 1 ? [random.pick(SHAPES)] : random.shuffled(broadcastShapes(random))
    return {
      inputs: Object.fromEntries(slots.map((slot, i) => [slot, anything(random, shapes[i]!, dtype)])),
      outputs: { Out: 1 },
      declined: dtype === 'int64',
    }
  }

const test = (random: Random): LoweringCase => ({
  inputs: { X: numbers(random, random.pick(SHAPES), random.pick(['float32', 'float16', 'bfloat16'] as const)) },
  outputs: { Out: 1 },
})

const not = (random: Random): LoweringCase => ({
  inputs: { X: numbers(random, random.pick(SHAPES), random.pick(LANES)) },
  outputs: { Out: 1 },
})

function where(random: Random): LoweringCase {
  const shape = random.pick(SHAPES)
  const dtype = random.pick(['float32', 'int32', 'float16'] as const)
  return {
    inputs: {
      Condition: anything(random, shape, 'bool'),
      X: anything(random, shape, dtype),
      Y: anything(random, shape, dtype),
    },
    outputs: { Out: 1 },
  }
}

function whereGrad(random: Random): LoweringCase {
  const { inputs } = where(random)
  return {
    inputs: { ...inputs, 'Out@GRAD': inputs['X']! },
    outputs: { 'X@GRAD': 1, 'Y@GRAD': random.next() < 0.3 ? ['@EMPTY@'] : 1 },
  }
}

const COMPARISONS = ['equal', 'not_equal', 'less_than', 'less_equal', 'greater_than', 'greater_equal']
const CONNECTIVES = ['logical_and', 'logical_or', 'logical_xor']

export const logic: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  cast,
  ...Object.fromEntries([...COMPARISONS, ...CONNECTIVES].map((type) => [type, compare])),
  logical_not: not,
  bitwise_and: bits(['X', 'Y']),
  bitwise_or: bits(['X', 'Y']),
  bitwise_xor: bits(['X', 'Y']),
  bitwise_not: bits(['X']),
  isfinite_v2: test,
  isinf_v2: test,
  isnan_v2: test,
  where,
  where_grad: whereGrad,
}
