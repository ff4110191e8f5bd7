/** Cases of pooling: windows that overlap, that leave elements out, that reach into the padding or past it, whole planes, adaptive sizes. */
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { type LoweringCase, meaningOf, type Random } from '../lowering_case.ts'

function pool(random: Random, gradient: boolean): LoweringCase {
  const isMax = random.next() < 0.5
  const way = random.pick(['windows', 'windows', 'windows', 'global', 'adaptive', 'one'])
  const [batch, channels] = [random.int(1, 3), random.int(1, 5)]
  const kernels = [random.int(1, 5), random.int(1, 5)]
  const strides = [random.int(1, 3), random.int(1, 4)]
  const paddings = kernels.map((kernel) => random.int(0, kernel - 1))
  const bins = way === 'one' ? [1, 1] : [random.int(1, 3), random.int(1, 4)]
  // Adaptive means may share planes unequally, also with more windows than elements; adaptive maxima slide, and need room for it.
  const sizes =
    way === 'adaptive' && !isMax
      ? bins.map((bin) => (random.next() < 0.5 ? bin * random.int(1, 9) : random.int(1, 12)))
      : [random.int(9, 14), random.int(17, 40)]
  const adaptive = way === 'adaptive' || way === 'one'
  const attrs = {
    pooling_type: isMax ? 'max' : 'avg',
    ksize: adaptive ? bins : kernels,
    strides: adaptive ? [1, 1] : strides,
    paddings: adaptive ? [0, 0] : paddings,
    global_pooling: way === 'global',
    adaptive,
    exclusive: random.next() < 0.5,
    ceil_mode: !adaptive && random.next() < 0.5,
    data_format: random.next() < 0.25 ? 'NHWC' : 'NCHW',
  }
  const shape = attrs.data_format === 'NHWC' ? [batch, ...sizes, channels] : [batch, channels, ...sizes]
  // Special numbers repeat, so that there are several maxima.
  const X = random.floats(shape, { special: isMax && random.next() < 0.5 })
  const terms = way === 'global' || adaptive ? sizes[0]! * sizes[1]! : kernels[0]! * kernels[1]!
  const bound = isMax && !gradient ? {} : { ulp: 2 * terms, scale: 3 }
  const forward: LoweringCase = { inputs: { X }, attrs, outputs: { Out: 1 }, ...bound }
  if (!gradient) return forward
  const [Out] = meaningOf('pool2d', forward) as [Tensor]
  return {
    inputs: { X, Out, 'Out@GRAD': random.floats(Out.shape) },
    attrs,
    outputs: { 'X@GRAD': 1 },
    ...bound,
  }
}

export const pooling: Readonly<Record<string, (random: Random) => LoweringCase>> = {
  pool2d: (random) => pool(random, false),
  pool2d_grad: (random) => pool(random, true),
}
