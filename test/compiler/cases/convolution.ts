/** Cases of convolutions: random shapes, strides, paddings, dilations and groups, and such that reach the edges of the three routes. */
import { Tensor } from '../../../src/tensor/tensor.ts'
import type { LoweringCase, Random } from '../lowering_case.ts'

type Four = readonly [number, number, number, number]

export interface Convolved {
  readonly input: Four
  readonly filter: Four
  readonly strides?: readonly number[]
  readonly paddings?: readonly number[]
  readonly dilations?: readonly number[]
  readonly groups?: number
}

export const EDGES: readonly (readonly [string, Convolved])[] = [
  ['pointwise', { input: [3, 5, 7, 9], filter: [6, 5, 1, 1] }],
  ['pointwise on one image', { input: [1, 33, 5, 5], filter: [20, 33, 1, 1] }],
  ['planes of one element', { input: [9, 13, 1, 1], filter: [7, 13, 1, 1] }],
  ['one number', { input: [1, 1, 1, 1], filter: [1, 1, 1, 1] }],
  ['more depth than a panel', { input: [1, 130, 6, 5], filter: [5, 130, 3, 3], paddings: [1, 1] }],
  [
    'more filters than a panel is deep',
    { input: [2, 4, 6, 6], filter: [1100, 4, 3, 3], strides: [2, 1], paddings: [1, 1] },
  ],
  ['several blocks of rows', { input: [1, 16, 50, 60], filter: [5, 16, 3, 3], paddings: [1, 1] }],
  ['blocks of unequal size', { input: [2, 16, 47, 61], filter: [3, 16, 5, 5], strides: [1, 2], paddings: [2, 2] }],
  ['blocks of one channel', { input: [2, 2, 70, 301], filter: [3, 2, 5, 5], paddings: [2, 2] }],
  [
    'depthwise on long rows',
    { input: [2, 3, 9, 96], filter: [3, 1, 5, 5], strides: [2, 1], paddings: [2, 2], groups: 3 },
  ],
  [
    'depthwise with strides',
    { input: [2, 3, 9, 37], filter: [3, 1, 3, 7], strides: [3, 2], paddings: [1, 3], groups: 3 },
  ],
  ['depthwise with wide strides', { input: [1, 2, 20, 23], filter: [2, 1, 3, 3], strides: [9, 9], groups: 2 }],
  ['depthwise with a large filter', { input: [1, 2, 34, 40], filter: [2, 1, 33, 33], groups: 2 }],
  ['padding beyond the filter', { input: [1, 2, 3, 2], filter: [2, 1, 2, 2], paddings: [4, 5], groups: 2 }],
  ['negative paddings', { input: [1, 2, 9, 9], filter: [2, 2, 3, 3], paddings: [-1, 2, 0, -2] }],
  ['negative paddings, depthwise', { input: [1, 2, 9, 9], filter: [2, 1, 3, 3], paddings: [-1, 2, 0, -2], groups: 2 }],
]

/** The operator, or its gradient. */
export function convolutionCase(random: Random, shapes: Convolved, gradient: boolean): LoweringCase {
  const { input, filter, strides = [1, 1], paddings = [0, 0], dilations = [1, 1], groups = 1 } = shapes
  const inputs = { Input: random.floats(input), Filter: random.floats(filter) }
  const attrs = { strides, paddings, dilations, groups }
  const padded = paddings.length === 2 ? [2 * paddings[0]!, 2 * paddings[1]!] : pairSums(paddings)
  const out = [0, 1].map((i) => {
    const reach = dilations[i]! * (filter[2 + i]! - 1) + 1
    return Math.floor((input[2 + i]! + padded[i]! - reach) / strides[i]!) + 1
  }) as [number, number]
  const taps = filter[2] * filter[3]
  if (!gradient) return { inputs, attrs, outputs: { Output: 1 }, terms: { Output: filter[1] * taps } }
  return {
    inputs: { ...inputs, 'Output@GRAD': random.floats([input[0], filter[0], ...out]) },
    attrs,
    outputs: { 'Input@GRAD': 1, 'Filter@GRAD': 1 },
    terms: { 'Input@GRAD': (filter[0] / groups) * taps, 'Filter@GRAD': input[0] * out[0] * out[1] },
  }
}

const pairSums = ([top, bottom, left, right]: readonly number[]): number[] => [top! + bottom!, left! + right!]

function randomShapes(random: Random): Convolved {
  const kernels = [random.int(1, 5), random.int(1, 5)] as const
  const dilations = [random.int(1, 2), random.int(1, 3)] as const
  const paddings = Array.from({ length: random.pick([2, 4]) }, () => random.int(0, 3))
  const groups = random.int(1, 4)
  const perGroup = random.next() < 0.5 ? 1 : random.int(2, 5)
  const reach = (i: 0 | 1): number => dilations[i] * (kernels[i] - 1) + 1
  return {
    input: [random.int(1, 3), groups * perGroup, reach(0) + random.int(0, 14), reach(1) + random.int(0, 30)],
    filter: [groups * random.int(1, 4), perGroup, ...kernels],
    strides: [random.int(1, 3), random.int(1, 4)],
    paddings,
    dilations,
    groups,
  }
}

/** Now and then with the channels last, where the images have the same numbers in another order. */
function laidOut(random: Random, given: LoweringCase): LoweringCase {
  if (random.next() < 0.75) return given
  const inputs = Object.entries(given.inputs as Record<string, Tensor>).map(([slot, tensor]) => {
    if (slot === 'Filter' || slot === 'Bias') return [slot, tensor]
    const [batch, channels, height, width] = tensor.shape as Four
    return [slot, new Tensor('float32', [batch, height, width, channels], tensor.data)]
  })
  return { ...given, inputs: Object.fromEntries(inputs), attrs: { ...given.attrs, data_format: 'NHWC' } }
}

const cases =
  (gradient: boolean) =>
  (random: Random): LoweringCase =>
    laidOut(random, convolutionCase(random, randomShapes(random), gradient))

/** Activations that are no steeper than their argument: an error of the sums stays as large as it is. */
const FLAT = ['identity', 'relu', 'relu6', 'leaky_relu']

/** With the smooth activations the sums are whole numbers and exact, so that the errors are the activation's own. */
function fusedCase(random: Random): LoweringCase {
  const shapes = randomShapes(random)
  const { attrs, inputs, terms } = convolutionCase(random, shapes, false)
  const output = convolutionCase(random, shapes, true).inputs['Output@GRAD'] as Tensor
  const activation = random.pick([...FLAT, 'sigmoid', 'tanh', 'swish'])
  const flat = FLAT.includes(activation)
  const given = {
    ...inputs,
    ...(random.next() < 0.7 ? { Bias: random.floats([shapes.filter[0]]) } : {}),
    ...(random.next() < 0.5 ? { ResidualData: output } : {}),
  } as Record<string, Tensor>
  const whole = (tensor: Tensor): Tensor =>
    new Tensor('float32', tensor.shape, (tensor.data as Float32Array).map(Math.trunc))
  return laidOut(random, {
    inputs: flat ? given : Object.fromEntries(Object.entries(given).map(([slot, tensor]) => [slot, whole(tensor)])),
    attrs: { ...attrs, activation, fuse_alpha: 0.25 },
    outputs: { Output: 1 },
    ...(flat ? { terms: { Output: terms!['Output']! + 2 } } : { ulp: 8 }),
  })
}

/** The transposed form of a random convolution: its Input has the shape of the convolution's output, and its Output that of the input. */
const transposedCases =
  (gradient: boolean) =>
  (random: Random): LoweringCase => {
    const shapes = randomShapes(random)
    const { attrs, inputs, outputs } = convolutionCase(random, shapes, true)
    const small = inputs['Output@GRAD'] as Tensor
    const { input, filter, groups = 1 } = shapes
    const given = { Input: small, Filter: inputs['Filter'] as Tensor }
    const output_size = input.slice(2)
    const taps = filter[2] * filter[3]
    if (!gradient) {
      const terms = { Output: (filter[0] / groups) * taps }
      return laidOut(random, { inputs: given, attrs: { ...attrs, output_size }, outputs: { Output: 1 }, terms })
    }
    return laidOut(random, {
      inputs: { ...given, 'Output@GRAD': inputs['Input'] as Tensor },
      attrs: { ...attrs, output_size },
      outputs,
      terms: { 'Input@GRAD': filter[1] * taps, 'Filter@GRAD': input[0] * small.shape[2]! * small.shape[3]! },
    })
  }

export const convolution: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  conv2d: cases(false),
  conv2d_grad: cases(true),
  depthwise_conv2d: cases(false),
  fused_conv2d_add_act: fusedCase,
  depthwise_conv2d_grad: cases(true),
  conv2d_transpose: transposedCases(false),
  conv2d_transpose_grad: transposedCases(true),
  depthwise_conv2d_transpose: transposedCases(false),
  depthwise_conv2d_transpose_grad: transposedCases(true),
}
