/**
 * Lowerings of group_norm and instance_norm, which has a group for each channel: a kernel makes the statistics of each group as for the rows of
 * layer_norm, and a loop that others can join makes the elements. Sums of the gradients are float32, in the order of reduction.ts.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { product, type Shape } from '../../tensor/shape.ts'
import { channelLast } from './channel_last.ts'
import { loop } from './elementwise.ts'
import type { Formula } from './expression.ts'
import * as e from './expression.ts'
import { type Piece, Temporary } from './ir.ts'
import { rowStatistics } from './layer_norm.ts'
import { fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { type OpReader, spread, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

const { add, constant, div, mul, sub } = e

/** X seen as [samples, groups, channels of a group, elements of a channel]. */
type Space = readonly [number, number, number, number]

function spaceOf(shape: Shape, groups: number): Space {
  const [batch, channels] = shape as [number, number]
  return [batch, groups, channels / groups, product(shape, 2)]
}

/** A tensor with a number for each group of each sample, for each channel, and for each channel of each sample. */
const byGroup = (tensor: PlannedTensor, [batch, groups]: Space): Formula => spread(tensor, [batch, groups, 1, 1])
const byChannel = (tensor: PlannedTensor, [, groups, each]: Space): Formula => spread(tensor, [1, groups, each, 1])
const channelShape = ([batch, groups, each]: Space): Shape => [batch, groups, each, 1]

interface Forward {
  readonly groups: number
  readonly Mean: PlannedTensor | undefined
  readonly Variance?: PlannedTensor | undefined
  readonly inverse?: PlannedTensor | undefined
}

/** Y = (X - mean) inverse Scale + Bias */
function normalize(
  op: OpReader,
  { groups, Mean: given, Variance, inverse: kept }: Forward,
): readonly Piece[] | undefined {
  const [X, Scale, Bias, Y] = [op.input('X'), op.input('Scale'), op.input('Bias'), op.output('Y')]
  if (!op.isFloat32() || X === undefined || Y === undefined) return undefined
  const space = spaceOf(X.shape, groups)
  const [batch, , each, size] = space
  const Mean = given ?? new Temporary([batch * groups])
  const inverse = kept ?? new Temporary([batch * groups])
  const view = { outer: 1, channels: batch * groups, inner: each * size }
  let value = mul(sub(whole(X, space), byGroup(Mean, space)), byGroup(inverse, space))
  if (Scale !== undefined) value = mul(value, byChannel(Scale, space))
  if (Bias !== undefined) value = add(value, byChannel(Bias, space))
  const statistics = rowStatistics(X, view, op.attr<number>('epsilon'), { Mean, Variance, inverse })
  return [statistics, loop(space, { target: Y, value })]
}

interface Backward {
  readonly groups: number
  readonly Mean: PlannedTensor | undefined
  /** One over the root of the variance of each group. */
  readonly inverse: PlannedTensor | undefined
  /** Whether the mean of dY is taken off. */
  readonly shifts: boolean
}

/** dX = inverse (dY Scale - shift - (X - mean) inverse slope), shift and slope the means over each group of dY Scale and of dY Scale (X - mean) inverse. */
function slopes(op: OpReader, { groups, Mean, inverse, shifts }: Backward): readonly Piece[] | undefined {
  const [X, Scale, dY] = [op.input('X'), op.input('Scale'), op.input('Y@GRAD')]
  if (!X || !dY || !Mean || !inverse) return undefined
  const space = spaceOf(X.shape, groups)
  const [batch, , each, size] = space
  const dy = whole(dY, space)
  const by = byGroup(inverse, space)
  const distance = mul(sub(whole(X, space), byGroup(Mean, space)), by)
  const [plain, weighted] = [new Temporary([batch, groups, each]), new Temporary([batch, groups, each])]
  const [shift, slope] = [new Temporary([batch * groups]), new Temporary([batch * groups])]
  const pieces: (Piece | undefined)[] = []
  const sum = (
    over: Shape,
    kept: Shape,
    value: Formula,
    target: PlannedTensor | undefined,
    finish?: (sum: Formula) => Formula,
  ): void => {
    if (target === undefined) return
    const strides = fullStrides(kept)
    pieces.push(reductionKernel({ space: over, value, target, strides, combine: 'add', ...(finish && { finish }) }))
  }
  sum(space, channelShape(space), dy, plain)
  sum(space, channelShape(space), mul(dy, distance), weighted)
  const channels = [batch, groups * each]
  sum(channels, [1, groups * each], whole(weighted, channels), op.output('Scale@GRAD'))
  sum(channels, [1, groups * each], whole(plain, channels), op.output('Bias@GRAD'))
  const dX = op.output('X@GRAD')
  if (dX !== undefined) {
    const [inner, kept] = [channelShape(space), [batch, groups, 1, 1]]
    const scaled = (tensor: PlannedTensor): Formula =>
      Scale === undefined ? whole(tensor, inner) : mul(whole(tensor, inner), byChannel(Scale, space))
    const average = (total: Formula): Formula => div(total, constant(each * size))
    if (shifts) sum(inner, kept, scaled(plain), shift, average)
    sum(inner, kept, scaled(weighted), slope, average)
    const given = Scale === undefined ? dy : mul(dy, byChannel(Scale, space))
    const level = shifts ? sub(given, byGroup(shift, space)) : given
    pieces.push(loop(space, { target: dX, value: mul(by, sub(level, mul(distance, byGroup(slope, space)))) }))
  }
  return pieces.includes(undefined) ? undefined : (pieces as Piece[])
}

const groupNorm: Lowering = (op) => {
  const [Mean, Variance] = [op.output('Mean'), op.output('Variance')]
  return normalize(op, { groups: op.attr<number>('groups'), Mean, Variance })
}

/** Without Scale the mean of dY is not taken off, as in Paddle. */
const groupNormGrad: Lowering = (op) => {
  const [Mean, Variance] = [op.input('Mean'), op.input('Variance')]
  if (!op.isFloat32() || !Variance) return undefined
  const inverse = new Temporary(Variance.shape)
  const root = e.sqrt(add(whole(Variance), constant(op.attr<number>('epsilon'))))
  const given = { groups: op.attr<number>('groups'), Mean, inverse, shifts: op.input('Scale') !== undefined }
  const pieces = slopes(op, given)
  return pieces && [loop(Variance.shape, { target: inverse, value: div(constant(1), root) }), ...pieces]
}

const instanceNorm: Lowering = (op) =>
  normalize(op, {
    groups: op.input('X')?.shape[1] ?? 1,
    Mean: op.output('SavedMean'),
    inverse: op.output('SavedVariance'),
  })

const instanceNormGrad: Lowering = (op) => {
  const [Mean, inverse] = [op.input('SavedMean'), op.input('SavedVariance')]
  if (!op.isFloat32()) return undefined
  return slopes(op, { groups: op.input('X')?.shape[1] ?? 1, Mean, inverse, shifts: true })
}

export const groupNormalization: Readonly<Record<string, Lowering>> = {
  group_norm: channelLast(groupNorm, 'data_layout', 'X', 'Y'),
  group_norm_grad: channelLast(groupNormGrad, 'data_layout', 'X', 'Y@GRAD', 'X@GRAD'),
  instance_norm: instanceNorm,
  instance_norm_grad: instanceNormGrad,
}
