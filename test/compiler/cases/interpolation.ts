/**
 * Random cases of resizing by weights: every method, layout, kind of position and way to give the size; equal bits. Sizes in tensors are known only
 * when the operator runs, so it is not compiled.
 */
import { product, type Shape } from '../../../src/tensor/shape.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import type { LoweringCase, Random } from '../lowering_case.ts'

const RANKS = { linear: 1, bilinear: 2, trilinear: 3, bicubic: 2 } as const
type Method = keyof typeof RANKS

interface Resized {
  readonly from: Shape
  readonly to: Shape
  readonly attrs: Readonly<Record<string, unknown>>
  readonly sizes: readonly Tensor[]
}

function resized(method: Method, second: boolean, random: Random): Resized {
  const rank = RANKS[method]
  const sizes = Array.from({ length: rank }, () => random.int(1, 9))
  const last = random.next() < 0.4
  const factors = sizes.map(() => random.pick([0.5, 0.7, 1, 1.5, 2, 3.3].map(Math.fround)))
  const factor = factors[0]!
  const byScale = random.next() < 0.4
  const bySize = random.next() < 0.3
  const wanted = sizes.map((size, d) => {
    if (!byScale) return random.int(1, 14)
    return Math.max(1, Math.trunc(Math.fround(size * (second ? factors[d]! : factor))))
  })
  // A factor that leaves nothing is refused.
  const kept = sizes.map((size, d) => (byScale && size * (second ? factors[d]! : factor) < 1 ? 2 : size))
  const outs = kept.map((size, d) =>
    byScale ? Math.trunc(Math.fround(size * (second ? factors[d]! : factor))) : wanted[d]!,
  )
  const [batch, channels] = [random.int(1, 3), random.int(1, 5)]
  const lay = (planes: readonly number[]): Shape => (last ? [batch, ...planes, channels] : [batch, channels, ...planes])
  const [out_d, out_h, out_w] = [...new Array<number>(3 - rank).fill(-1), ...outs]
  return {
    from: lay(kept),
    to: lay(outs),
    sizes: bySize ? outs.map((size) => new Tensor('int32', [1], Int32Array.of(size))) : [],
    attrs: {
      data_layout: last ? 'NHWC' : 'NCHW',
      interp_method: method,
      align_corners: random.next() < 0.4,
      align_mode: random.int(0, 1),
      ...(byScale ? { scale: second ? factors : factor } : { out_d, out_h, out_w }),
    },
  }
}

/** Infinite elements among the others, whose products with 0 are NaN; which of two kinds of NaN a sum is would be up to the engine. */
function numbers(random: Random, shape: Shape): Tensor {
  const given = random.floats(shape, { special: product(shape) > 50 })
  return new Tensor(
    'float32',
    shape,
    (given.data as Float32Array).map((x) => (Number.isNaN(x) ? Infinity : x)),
  )
}

function forward(method: Method, second: boolean, random: Random): LoweringCase {
  const { from, sizes, attrs } = resized(method, second, random)
  return {
    inputs: { X: numbers(random, from), ...(sizes.length > 0 ? { SizeTensor: sizes } : {}) },
    outputs: { Out: 1 },
    attrs,
  }
}

function backward(method: Method, second: boolean, random: Random): LoweringCase {
  const { from, to, sizes, attrs } = resized(method, second, random)
  return {
    inputs: {
      X: random.floats(from),
      'Out@GRAD': numbers(random, to),
      ...(sizes.length > 0 ? { SizeTensor: sizes } : {}),
    },
    outputs: { 'X@GRAD': 1 },
    attrs,
  }
}

export const interpolation: Readonly<Record<string, (random: Random) => LoweringCase>> = Object.fromEntries(
  (Object.keys(RANKS) as Method[]).flatMap((method) =>
    [false, true].flatMap((second) => {
      const type = `${method}_interp${second ? '_v2' : ''}`
      return [
        [type, (random: Random) => forward(method, second, random)] as const,
        [`${type}_grad`, (random: Random) => backward(method, second, random)] as const,
      ]
    }),
  ),
)
