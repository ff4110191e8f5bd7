/**
 * grid_sampler: planes or volumes read at given positions, which run from -1 to 1 along each dimension, and its gradients.
 * Source: Jaderberg et al. 2015 (spatial transformer networks); paddle/phi/kernels/cpu/grid_sample_kernel.cc (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr, oneOf } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type FilledAttrs,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape, product, type Shape } from '../../tensor/shape.ts'

const ATTRS = {
  mode: attr.string('bilinear', {
    doc: 'bilinear (trilinear in a volume) or nearest.',
    check: oneOf('bilinear', 'nearest'),
  }),
  padding_mode: attr.string('zeros', {
    doc: 'Outside of the planes are zeros, or the position is moved to the border, or reflected at it.',
    check: oneOf('zeros', 'border', 'reflection'),
  }),
  align_corners: attr.bool(true, {
    doc: '-1 and 1 are the middles of the outer elements; otherwise their outer edges.',
  }),
}
type SamplerAttrs = FilledAttrs<typeof ATTRS>

/**
 * Where one point of Grid lies in X. Coordinates stand from the last dimension of X (x) to the first (y, or z).
 * `low` holds the element before the position, `fraction` the way to the next, `slope` the derivative of the position by the coordinate.
 */
class Position {
  readonly rank: number
  readonly low: Float64Array
  readonly fraction: Float64Array
  readonly slope: Float64Array
  readonly #sizes: readonly number[]
  readonly #attrs: SamplerAttrs

  constructor(sizes: readonly number[], attrs: SamplerAttrs) {
    this.rank = sizes.length
    this.#sizes = [...sizes].reverse()
    this.#attrs = attrs
    this.low = new Float64Array(this.rank)
    this.fraction = new Float64Array(this.rank)
    this.slope = new Float64Array(this.rank)
  }

  /** Reads the coordinates of a point. */
  set(grid: NumberArray, at: number): void {
    const { mode, padding_mode, align_corners } = this.#attrs
    for (let d = 0; d < this.rank; d++) {
      const size = this.#sizes[d]!
      let slope = align_corners ? (size - 1) / 2 : size / 2
      let position = (grid[at + d]! + 1) * slope - (align_corners ? 0 : 0.5)
      if (padding_mode === 'reflection') {
        const offset = align_corners ? 0 : 0.5
        const range = align_corners ? 2 * (size - 1) : 2 * size
        const distance = Math.abs(position + offset)
        const rest = range === 0 ? 0 : distance - Math.floor(distance / range) * range
        if (position + offset < 0) slope = -slope
        if (rest > range - rest) slope = -slope
        position = Math.min(rest, range - rest) - offset
      }
      if (padding_mode !== 'zeros') {
        if (position < 0 || position > size - 1) slope = 0
        position = Math.min(Math.max(position, 0), size - 1)
      }
      if (mode === 'nearest') {
        // In a volume Paddle takes positions that are outside before rounding for outside.
        const outside = this.rank === 3 && (position < 0 || position > size - 1)
        this.low[d] = outside ? -1 : Math.sign(position) * Math.round(Math.abs(position))
        this.fraction[d] = 0
        this.slope[d] = 0
        continue
      }
      this.low[d] = Math.floor(position)
      this.fraction[d] = position - this.low[d]!
      this.slope[d] = slope
    }
  }

  /** Offset in a plane of corner `bits` (bit d set: the element behind along dimension d), -1 outside. */
  offset(bits: number): number {
    let offset = 0
    for (let d = this.rank - 1; d >= 0; d--) {
      const index = this.low[d]! + ((bits >> d) & 1)
      const size = this.#sizes[d]!
      if (!(index >= 0 && index < size)) return -1
      offset = offset * size + index
    }
    return offset
  }

  /** Share of corner `bits` in the value; without the factor of dimension `but`. */
  weight(bits: number, but = -1): number {
    let weight = 1
    for (let d = 0; d < this.rank; d++) {
      if (d !== but) weight *= (bits >> d) & 1 ? this.fraction[d]! : 1 - this.fraction[d]!
    }
    return weight
  }
}

interface Sizes {
  readonly batch: number
  readonly channels: number
  readonly sizes: readonly number[]
  readonly plane: number
  /** Points of Grid per sample. */
  readonly points: number
}

function sizesOf(X: KernelTensor, Grid: KernelTensor): Sizes {
  const [batch, channels, ...sizes] = X.shape as readonly [number, number, ...number[]]
  return { batch, channels, sizes, plane: product(sizes), points: product(Grid.shape, 1, Grid.shape.length - 1) }
}

/**
 * The shape of Output.
 * @throws InvalidArgumentError E203 for shapes, E210 for element types.
 */
function outShape(opType: string, X: Meta, Grid: Meta): Shape {
  const fail = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(
      'E203',
      `${opType}: X of shape ${formatShape(X.shape)} and Grid of shape ${formatShape(Grid.shape)}: ${why}`,
      { got: { X: X.shape, Grid: Grid.shape } },
    )
  const rank = X.shape.length
  if (rank !== 4 && rank !== 5) throw fail('X must have rank 4 or 5')
  if (Grid.shape.length !== rank) throw fail('Grid must have the rank of X')
  const coordinates = Grid.shape[rank - 1]!
  if (coordinates >= 0 && coordinates !== rank - 2) throw fail(`the last dimension of Grid must be ${rank - 2}`)
  const [batch, points] = [X.shape[0]!, Grid.shape[0]!]
  if (batch >= 0 && points >= 0 && batch !== points) throw fail('batch sizes differ')
  requireSameDType(opType, { X, Grid })
  return [batch, X.shape[1]!, ...Grid.shape.slice(1, -1)]
}

export const gridSamplerGrad = defineOp({
  type: 'grid_sampler_grad',
  doc: 'Gradient of grid_sampler. Positions that padding_mode moved to the border, and all of mode nearest, give no gradient of Grid.',
  source: 'paddle/phi/kernels/cpu/grid_sample_grad_kernel.cc',
  inputs: {
    X: one('X of grid_sampler.', FLOATS),
    Grid: one('Grid of grid_sampler.', FLOATS),
    'Output@GRAD': one('Gradient of Output.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Grid@GRAD': optional('Gradient of Grid.') },
  attrs: ATTRS,
  inferMeta({ X, Grid, 'Output@GRAD': dOutput }) {
    requireSameDType('grid_sampler_grad', { X, 'Output@GRAD': dOutput })
    const shape = outShape('grid_sampler_grad', X, Grid)
    requireShape('grid_sampler_grad', 'Output@GRAD', dOutput, shape, 'the shape of Output')
    return { 'X@GRAD': X, 'Grid@GRAD': Grid }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ X, Grid, 'Output@GRAD': dOutput }, attrs, { 'X@GRAD': dX, 'Grid@GRAD': dGrid }) {
      const { batch, channels, sizes, plane, points } = sizesOf(X, Grid)
      const position = new Position(sizes, attrs)
      const { rank } = position
      const corners = attrs.mode === 'nearest' ? 1 : 1 << rank
      const sums = new Float64Array(dX === undefined ? 0 : plane * channels)
      const change = new Float64Array(rank)
      for (let n = 0; n < batch; n++) {
        sums.fill(0)
        for (let p = 0; p < points; p++) {
          position.set(Grid.data, (n * points + p) * rank)
          change.fill(0)
          for (let bits = 0; bits < corners; bits++) {
            const offset = position.offset(bits)
            if (offset < 0) continue
            const weight = position.weight(bits)
            let total = 0
            for (let c = 0; c < channels; c++) {
              const dy = dOutput.data[(n * channels + c) * points + p]!
              if (dX !== undefined) sums[c * plane + offset] = sums[c * plane + offset]! + weight * dy
              total += dy * X.data[(n * channels + c) * plane + offset]!
            }
            for (let d = 0; d < rank; d++) {
              change[d] = change[d]! + total * position.weight(bits, d) * ((bits >> d) & 1 ? 1 : -1)
            }
          }
          if (dGrid === undefined) continue
          for (let d = 0; d < rank; d++) dGrid.data[(n * points + p) * rank + d] = change[d]! * position.slope[d]!
        }
        dX?.data.set(sums, n * plane * channels)
      }
    },
  },
})

export const gridSampler = defineOp({
  type: 'grid_sampler',
  doc: 'Reads the planes of X at the positions in Grid: coordinates from -1 to 1, the one along the last dimension of X first.',
  source: 'paddle/phi/kernels/cpu/grid_sample_kernel.cc',
  differs: 'An unknown mode or padding_mode is refused; a position that is no number counts as outside.',
  inputs: {
    X: one('[N, C, height, width] or [N, C, depth, height, width].', FLOATS),
    Grid: one('[N, out height, out width, 2] or [N, out depth, out height, out width, 3].', FLOATS),
  },
  outputs: { Output: one('[N, C, out height, out width] or [N, C, out depth, out height, out width].') },
  attrs: ATTRS,
  inferMeta: ({ X, Grid }) => ({ Output: { dtype: X.dtype, shape: outShape('grid_sampler', X, Grid) } }),
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(gridSamplerGrad, {
      inputs: { X: inputs.X, Grid: inputs.Grid, 'Output@GRAD': outputGrads.Output },
      outputs: { 'X@GRAD': inputGrads.X, 'Grid@GRAD': inputGrads.Grid },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Grid }, attrs, { Output }) {
      const { batch, channels, sizes, plane, points } = sizesOf(X, Grid)
      const position = new Position(sizes, attrs)
      const corners = attrs.mode === 'nearest' ? 1 : 1 << position.rank
      const sums = new Float64Array(channels)
      for (let n = 0; n < batch; n++) {
        for (let p = 0; p < points; p++) {
          position.set(Grid.data, (n * points + p) * position.rank)
          sums.fill(0)
          for (let bits = 0; bits < corners; bits++) {
            const offset = position.offset(bits)
            if (offset < 0) continue
            const weight = position.weight(bits)
            const from = n * channels * plane + offset
            for (let c = 0; c < channels; c++) sums[c] = sums[c]! + weight * X.data[from + c * plane]!
          }
          for (let c = 0; c < channels; c++) Output.data[(n * channels + c) * points + p] = sums[c]!
        }
      }
    },
  },
})
