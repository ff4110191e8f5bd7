/** Random cases of matrix products, softmax and its loss. */
import { product, type Shape } from '../../../src/tensor/shape.ts'
import type { LoweringCase, Random } from '../lowering_case.ts'

const SMALL = [1, 2, 3, 4, 5, 8, 9, 17, 33]

/** Rows, depth and columns; sometimes so many that rows or columns are packed in more than one block and sums are resumed. */
const sizes = (random: Random): [m: number, k: number, n: number] => {
  const kind = random.next()
  if (kind < 0.2) return [random.pick([47, 64, 131, 258]), random.pick([64, 257, 515]), random.pick([32, 39, 70])]
  if (kind < 0.25) return [random.pick([13, 52]), random.pick([300, 515]), random.pick([1024, 1030])]
  return [random.pick(SMALL), random.pick(SMALL), random.pick(SMALL)]
}

interface Product {
  readonly x: Shape
  readonly y: Shape
  readonly out: Shape
  readonly k: number
  readonly attrs: Readonly<Record<string, unknown>>
  readonly declined?: boolean
}

function mul(random: Random): Product {
  const [m, k, n] = sizes(random)
  const isWide = random.next() < 0.4
  const x = isWide ? [m, 2, k] : [m, k]
  return {
    x,
    y: isWide ? [2 * k, n] : [k, n],
    out: [m, n],
    k: isWide ? 2 * k : k,
    attrs: { x_num_col_dims: 1, y_num_col_dims: 1 },
  }
}

function matmul(random: Random): Product {
  const [m, k, n] = sizes(random)
  const [trans_x, trans_y] = [random.next() < 0.5, random.next() < 0.5]
  const batch = random.pick([[], [3], [2, 2]])
  const yBatch = random.next() < 0.5 ? batch : []
  return {
    x: [...batch, ...(trans_x ? [k, m] : [m, k])],
    y: [...yBatch, ...(trans_y ? [n, k] : [k, n])],
    out: [...batch, m, n],
    k,
    attrs: { trans_x, trans_y },
    // A batch of turned matrices against one matrix is no product of all rows.
    declined: trans_x && batch.length > yBatch.length,
  }
}

/** Without vectors and factors. */
function older(random: Random): Product {
  const { attrs, ...shapes } = matmul(random)
  const alpha = random.pick([1, 1, 0.5])
  const declined = shapes.declined === true || alpha !== 1
  return { ...shapes, attrs: { transpose_X: attrs['trans_x'], transpose_Y: attrs['trans_y'], alpha }, declined }
}

function bmm(random: Random): Product {
  const [batch, [m, k, n]] = [random.int(1, 3), sizes(random)]
  return { x: [batch, m, k], y: [batch, k, n], out: [batch, m, n], k, attrs: {} }
}

const forward =
  (make: (random: Random) => Product) =>
  (random: Random): LoweringCase => {
    const { x, y, k, attrs, declined = false } = make(random)
    const inputs = { X: random.floats(x), Y: random.floats(y) }
    return { inputs, outputs: { Out: 1 }, attrs, declined, terms: { Out: k } }
  }

const backward =
  (make: (random: Random) => Product) =>
  (random: Random): LoweringCase => {
    const { x, y, out, attrs, declined = false } = make(random)
    const skips = random.next() < 0.2
    return {
      inputs: { X: random.floats(x), Y: random.floats(y), 'Out@GRAD': random.floats(out) },
      outputs: { 'X@GRAD': 1, 'Y@GRAD': skips ? ['@EMPTY@'] : 1 },
      attrs,
      declined,
      terms: { 'X@GRAD': out.at(-1)!, 'Y@GRAD': product(out) / out.at(-1)! },
    }
  }

/** Input as a matrix, a row, a column, a vector or one number. */
function addmm(random: Random) {
  const [m, k, n] = sizes(random)
  const inputs = {
    Input: random.floats(random.pick([[m, n], [1, n], [m, 1], [n], [1]])),
    X: random.floats([m, k]),
    Y: random.floats([k, n]),
  }
  return { m, k, n, inputs, attrs: { Alpha: random.pick([1, 0.5]), Beta: random.pick([0, 1, 2.5]) } }
}

const addmmForward = (random: Random): LoweringCase => {
  const { k, inputs, attrs } = addmm(random)
  return { inputs, outputs: { Out: 1 }, attrs, terms: { Out: k + 3 } }
}

const addmmBackward = (random: Random): LoweringCase => {
  const { m, n, inputs, attrs } = addmm(random)
  return {
    inputs: { ...inputs, 'Out@GRAD': random.floats([m, n]) },
    outputs: { 'Input@GRAD': 1, 'X@GRAD': 1, 'Y@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1 },
    attrs,
    terms: { 'Input@GRAD': m * n + 1, 'X@GRAD': n + 1, 'Y@GRAD': m + 1 },
  }
}

/** Of up to three dimensions each. */
function kron(random: Random) {
  const shape = (): Shape => Array.from({ length: random.int(0, 3) }, () => random.int(1, 4))
  const [x, y] = [shape(), shape()]
  const rank = Math.max(x.length, y.length)
  const lift = (shape: Shape): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]
  const out = lift(x).map((size, d) => size * lift(y)[d]!)
  return { out, inputs: { X: random.floats(x), Y: random.floats(y) } }
}

const kronBackward = (random: Random): LoweringCase => {
  const { out, inputs } = kron(random)
  return {
    inputs: { ...inputs, 'Out@GRAD': random.floats(out) },
    outputs: { 'X@GRAD': random.next() < 0.2 ? ['@EMPTY@'] : 1, 'Y@GRAD': 1 },
    ulp: 1,
  }
}

function fc(random: Random): LoweringCase {
  const [m, k, n] = sizes(random)
  const wide = random.next() < 0.4
  const padding = random.next() < 0.3 ? 4 : 0
  const bias = random.pick([[n], [1, n], undefined])
  return {
    inputs: {
      Input: random.floats(wide ? [m, 2, k] : [m, k]),
      W: random.floats([(wide ? 2 * k : k) + padding, n + padding]),
      ...(bias === undefined ? {} : { Bias: random.floats(bias) }),
    },
    outputs: { Out: 1 },
    attrs: { activation_type: random.pick(['', 'relu']), padding_weights: padding > 0 },
    // The bias is one more.
    terms: { Out: (wide ? 2 * k : k) + 1 },
  }
}

const rows = (random: Random): Shape => random.pick([[1], [7], [3, 4], [5, 17], [2, 3, 33], [4, 1]])

const softmax = (random: Random): LoweringCase => ({
  inputs: { X: random.floats(rows(random)) },
  outputs: { Out: 1 },
  ulp: 8,
})

const softmaxGrad = (random: Random): LoweringCase => {
  const shape = rows(random)
  return {
    inputs: { Out: random.floats(shape, { low: 0, high: 1 }), 'Out@GRAD': random.floats(shape) },
    outputs: { 'X@GRAD': 1 },
    ulp: 8,
    scale: 3 * shape.at(-1)!,
  }
}

function labelled(random: Random) {
  const shape = random.pick([
    [1, 3],
    [7, 10],
    [33, 17],
    [2, 3, 5],
  ])
  const classes = shape.at(-1)!
  const labels = random.ints([...shape.slice(0, -1), 1], 0, classes - 1)
  return { shape, labels, attrs: { ignore_index: random.pick([-100, 0]) } }
}

const crossEntropy = (random: Random): LoweringCase => {
  const { shape, labels, attrs } = labelled(random)
  return {
    inputs: { Logits: random.floats(shape, { low: -10, high: 10 }), Label: labels },
    outputs: { Softmax: 1, Loss: 1 },
    attrs,
    ulp: 8,
    scale: 1,
  }
}

const crossEntropyGrad = (random: Random): LoweringCase => {
  const { shape, labels, attrs } = labelled(random)
  return {
    inputs: {
      Label: labels,
      Softmax: random.floats(shape, { low: 0, high: 1 }),
      'Loss@GRAD': random.floats([...shape.slice(0, -1), 1]),
    },
    outputs: { 'Logits@GRAD': 1 },
    attrs,
    ulp: 2,
    scale: 3,
  }
}

export const products: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  addmm: addmmForward,
  addmm_grad: addmmBackward,
  kron: (random) => ({ inputs: kron(random).inputs, outputs: { Out: 1 } }),
  kron_grad: kronBackward,
  mul: forward(mul),
  mul_grad: backward(mul),
  matmul_v2: forward(matmul),
  matmul_v2_grad: backward(matmul),
  matmul: forward(older),
  matmul_grad: backward(older),
  bmm: forward(bmm),
  bmm_grad: backward(bmm),
  fc,
  softmax,
  softmax_grad: softmaxGrad,
  softmax_with_cross_entropy: crossEntropy,
  softmax_with_cross_entropy_grad: crossEntropyGrad,
}
