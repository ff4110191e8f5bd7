/** Random cases of operators that take slices by index, look for the best elements, or serve mixed precision and dropout. */
import { product, type Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, type Random, SHAPES, toHalf } from '../lowering_case.ts'
import { anything } from './movement.ts'

const MOVED = ['float32', 'float32', 'int64', 'int32', 'float16'] as const

function alongAxis(
  random: Random,
  attr: string,
): { shape: Shape; axis: number; index: Tensor; out: Shape; attrs: Record<string, number> } {
  const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 9))
  const axis = random.int(0, shape.length - 1)
  const index = random.ints([random.int(1, 7)], 0, shape[axis]! - 1, random.pick(['int32', 'int64'] as const))
  return { shape, axis, index, out: shape.map((size, d) => (d === axis ? index.size : size)), attrs: { [attr]: axis } }
}

const take =
  (attr: string) =>
  (random: Random): LoweringCase => {
    const { shape, index, attrs } = alongAxis(random, attr)
    return { inputs: { X: anything(random, shape, random.pick(MOVED)), Index: index }, outputs: { Out: 1 }, attrs }
  }

const giveBack =
  (attr: string) =>
  (random: Random): LoweringCase => {
    const { shape, index, out, attrs } = alongAxis(random, attr)
    const dtype = random.pick(['float32', 'float16'] as const)
    return {
      inputs: {
        X: toHalf(random.floats(shape), dtype),
        Index: index,
        'Out@GRAD': toHalf(random.floats(out), dtype),
      },
      outputs: { 'X@GRAD': 1 },
      attrs,
    }
  }

function vectors(random: Random): { shape: Shape; index: Tensor; out: Shape } {
  const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 6))
  const depth = random.int(1, shape.length)
  const count = random.int(1, 6)
  const values = Array.from({ length: count }, () =>
    shape.slice(0, depth).map((size) => random.int(0, size - 1)),
  ).flat()
  const index = new Tensor('int64', [count, depth], BigInt64Array.from(values, BigInt))
  return { shape, index, out: [count, ...shape.slice(depth)] }
}

const gatherNd = (random: Random): LoweringCase => {
  const { shape, index } = vectors(random)
  return { inputs: { X: anything(random, shape, random.pick(MOVED)), Index: index }, outputs: { Out: 1 } }
}

const gatherNdGrad = (random: Random): LoweringCase => {
  const { shape, index, out } = vectors(random)
  return {
    inputs: { X: random.floats(shape), Index: index, 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': 1 },
  }
}

function table(random: Random, isV2: boolean) {
  const [height, width] = [random.int(1, 12), random.int(1, 21)]
  const dims = random.pick([[5], [2, 3], [1]])
  const ids = random.ints(
    isV2 ? dims : [...dims, 1],
    0,
    height - 1,
    isV2 ? random.pick(['int32', 'int64'] as const) : 'int64',
  )
  const attrs = { padding_idx: random.pick([-1, 0, height - 1]) }
  return { weight: [height, width], ids, out: [...dims, width], attrs }
}

const lookUp =
  (isV2: boolean) =>
  (random: Random): LoweringCase => {
    const { weight, ids, attrs } = table(random, isV2)
    return {
      inputs: { W: anything(random, weight, random.pick(['float32', 'float16'] as const)), Ids: ids },
      outputs: { Out: 1 },
      attrs,
    }
  }

const lookUpGrad =
  (isV2: boolean) =>
  (random: Random): LoweringCase => {
    const { weight, ids, out, attrs } = table(random, isV2)
    const dtype = random.pick(['float32', 'float16'] as const)
    return {
      inputs: { W: toHalf(random.floats(weight), dtype), Ids: ids, 'Out@GRAD': toHalf(random.floats(out), dtype) },
      outputs: { 'W@GRAD': 1 },
      attrs,
    }
  }

function oneHot(random: Random): LoweringCase {
  const depth = random.int(1, 9)
  const dtype = random.pick(['float32', 'int64', 'int32', 'bool', 'float16', 'float64'] as const)
  return {
    inputs: { X: random.ints(random.pick([[5], [2, 3], [1]]), 0, depth - 1, random.pick(['int32', 'int64'] as const)) },
    outputs: { Out: 1 },
    attrs: { depth, dtype },
  }
}

/** Numbers among which many are equal, and some NaN. */
function repeated(random: Random, shape: Shape): Tensor {
  const data = Float32Array.from({ length: product(shape) }, () =>
    random.next() < 0.1 ? Number.NaN : random.int(-3, 3) / 2,
  )
  return new Tensor('float32', shape, data)
}

const ranked = (random: Random): Shape => random.pick(SHAPES.filter((shape) => !shape.includes(0)))

function topK(random: Random): LoweringCase {
  const shape = ranked(random)
  const size = shape.at(-1) ?? 1
  return {
    inputs: { X: repeated(random, shape) },
    outputs: { Out: 1, Indices: 1 },
    attrs: { k: random.int(1, Math.min(size, 9)) },
  }
}

function topKV2(random: Random): LoweringCase {
  const shape = ranked(random)
  const axis = random.int(0, Math.max(shape.length - 1, 0))
  return {
    inputs: { X: toHalf(repeated(random, shape), random.pick(['float32', 'float16'] as const)) },
    outputs: { Out: 1, Indices: 1 },
    attrs: { k: random.int(1, Math.min(shape[axis] ?? 1, 9)), axis, largest: random.next() < 0.5 },
  }
}

function argExtreme(random: Random): LoweringCase {
  const shape = ranked(random)
  return {
    inputs: { X: repeated(random, shape) },
    outputs: { Out: 1 },
    attrs: {
      axis: random.int(0, Math.max(shape.length - 1, 0)),
      flatten: random.next() < 0.3,
      keepdims: random.next() < 0.5,
      dtype: random.pick(['int32', 'int64'] as const),
    },
  }
}

function accuracy(random: Random): LoweringCase {
  const [rows, k] = [random.int(1, 40), random.int(1, 3)]
  return {
    inputs: {
      Out: random.floats([rows, k]),
      Indices: random.ints([rows, k], 0, 4),
      Label: random.ints([rows, 1], 0, 4),
    },
    outputs: { Accuracy: 1, Correct: 1, Total: 1 },
  }
}

function gradients(random: Random): Tensor[] {
  const isBad = random.next() < 0.5
  return Array.from({ length: random.int(1, 5) }, () => {
    const tensor = random.floats(random.pick(SHAPES.filter((shape) => !shape.includes(0))))
    if (isBad && random.next() < 0.5) {
      ;(tensor.data as Float32Array)[random.int(0, tensor.size - 1)] = random.pick([Infinity, -Infinity, Number.NaN])
    }
    return tensor
  })
}

function checkFinite(random: Random): LoweringCase {
  const dtype = random.pick(['float32', 'float16', 'bfloat16'] as const)
  const X = gradients(random).map((tensor) => toHalf(tensor, dtype))
  return {
    inputs: { X, Scale: random.floats([1], { low: 1, high: 1000 }) },
    outputs: { Out: X.length, FoundInfinite: 1 },
    inplace: random.next() < 0.7,
  }
}

function updateScaling(random: Random): LoweringCase {
  const dtype = random.pick(['float32', 'float16'] as const)
  const X = gradients(random).map((tensor) => toHalf(tensor, dtype))
  const stop = random.next() < 0.3
  return {
    inputs: {
      X,
      FoundInfinite: random.ints([1], 0, 1, 'uint8'),
      PrevLossScaling: new Tensor('float32', [1], Float32Array.of(random.pick([1, 1.5, 1024, 3e38]))),
      InGoodSteps: random.ints([1], 0, 2, 'int32'),
      InBadSteps: random.ints([1], 0, 2, 'int32'),
      ...(stop ? { StopUpdate: random.ints([1], 0, 1, 'uint8') } : {}),
    },
    outputs: { Out: X.length, LossScaling: 1, OutGoodSteps: 1, OutBadSteps: 1 },
    attrs: {
      incr_every_n_steps: 2,
      decr_every_n_nan_or_inf: 2,
      incr_ratio: 2,
      decr_ratio: 0.8,
      stop_update: random.next() < 0.2,
    },
    inplace: random.next() < 0.7,
  }
}

/** Only inference and the drop of all need no random numbers. */
function dropout(random: Random): LoweringCase {
  const is_test = random.next() < 0.7
  return {
    inputs: { X: random.floats(random.pick(SHAPES), { special: true }) },
    outputs: is_test ? { Out: 1 } : { Out: 1, Mask: 1 },
    attrs: {
      is_test,
      dropout_prob: is_test ? 0.3 : 1,
      dropout_implementation: random.pick(['upscale_in_train', 'downgrade_in_infer']),
    },
  }
}

function dropoutGrad(random: Random): LoweringCase {
  const shape = random.pick(SHAPES)
  const dtype = random.pick(['float32', 'float16'] as const)
  return {
    inputs: {
      Mask: random.ints(shape, 0, 1, 'uint8'),
      'Out@GRAD': toHalf(random.floats(shape, { special: true }), dtype),
    },
    outputs: { 'X@GRAD': 1 },
    attrs: {
      is_test: random.next() < 0.3,
      dropout_prob: 0.3,
      dropout_implementation: random.pick(['upscale_in_train', 'downgrade_in_infer']),
    },
  }
}

const increment = (random: Random): LoweringCase => ({
  inputs: {
    X: random.pick([
      random.floats([1]),
      random.ints([1], -5, 5, 'int32'),
      new Tensor('int64', [1], BigInt64Array.of(2n ** 60n)),
    ]),
  },
  outputs: { Out: 1 },
  attrs: { step: random.pick([1, -2, 1.5]) },
  inplace: random.next() < 0.5,
})

export const indexed: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  one_hot_v2: oneHot,
  gather: take('axis'),
  gather_grad: giveBack('axis'),
  index_select: take('dim'),
  index_select_grad: giveBack('dim'),
  gather_nd: gatherNd,
  gather_nd_grad: gatherNdGrad,
  lookup_table: lookUp(false),
  lookup_table_grad: lookUpGrad(false),
  lookup_table_v2: lookUp(true),
  lookup_table_v2_grad: lookUpGrad(true),
  top_k: topK,
  top_k_v2: topKV2,
  arg_max: argExtreme,
  arg_min: argExtreme,
  accuracy,
  check_finite_and_unscale: checkFinite,
  update_loss_scaling: updateScaling,
  dropout,
  dropout_grad: dropoutGrad,
  increment,
}
