/**
 * Resizing of rows, planes and volumes: nearest, linear, bilinear, trilinear and bicubic, as operators of the second version and of the first,
 * with their gradients. Positions and weights are float32, as in Paddle, because a position that falls on an element decides which is taken.
 */
import { InvalidArgumentError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type Filled,
  type FilledAttrs,
  type InferContext,
  type KernelTensor,
  type Meta,
  many,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { formatShape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { numberInput, shapeInput } from '../tensor/shape_inputs.ts'
import { layoutCheck } from './channels.ts'
import { gridOf, planeSizes, scalesOf } from './interp_grid.ts'
import { nearest, weighted, weightedGrad } from './interp_kernels.ts'

const COMMON = {
  data_layout: attr.string('NCHW', { doc: 'NCHW, else the channels are in the last dimension.', check: layoutCheck }),
  out_d: attr.int(0, { doc: 'Depth of Out for a volume.' }),
  out_h: attr.int(0, { doc: 'Height of Out, where neither tensors nor `scale` say it.' }),
  out_w: attr.int(0, { doc: 'Width of Out, where neither tensors nor `scale` say it.' }),
  interp_method: attr.string('bilinear', {
    doc: 'nearest, linear, bilinear, bicubic or trilinear, as the rank of X allows; decides, whatever the operator is called.',
  }),
  align_corners: attr.bool(true, { doc: 'The corner elements of X and Out coincide.' }),
  align_mode: attr.int(1, {
    doc: 'Of the linear methods without align_corners: 0 compares the middles of the elements, 1 their beginnings.',
  }),
}
const ATTRS_V2 = {
  ...COMMON,
  scale: attr.floats([], { doc: 'One factor per dimension of the planes; wins over out_d, out_h and out_w.' }),
}
const ATTRS_V1 = {
  ...COMMON,
  scale: attr.float(0, {
    doc: 'A factor for all dimensions of the planes; wins over out_d, out_h and out_w if above 0.',
  }),
}
type Common = FilledAttrs<typeof COMMON> & { readonly scale: number | readonly number[] }

/** What the two versions do differently. */
interface Version<A extends typeof ATTRS_V1 | typeof ATTRS_V2> {
  readonly attrs: A
  /** Whether the ratio of positions is that of the factors; else it is always that of the sizes. */
  readonly ratioOfScale: boolean
  /** The methods by rank of X. */
  readonly methods: Readonly<Record<number, readonly string[]>>
}
const V2: Version<typeof ATTRS_V2> = {
  attrs: ATTRS_V2,
  ratioOfScale: true,
  methods: { 3: ['linear'], 4: ['bilinear', 'nearest', 'bicubic'], 5: ['trilinear', 'nearest'] },
}
const V1: Version<typeof ATTRS_V1> = {
  attrs: ATTRS_V1,
  ratioOfScale: false,
  methods: { 3: ['linear'], 4: ['bilinear', 'nearest', 'bicubic'], 5: ['trilinear'] },
}

const SLOTS = {
  OutSize: optional('Sizes of the planes of Out, in place of the attributes.', ['int32']),
  SizeTensor: many('One size per tensor; wins over everything else.', ['int32']),
  Scale: optional('One factor, or one per dimension, in place of `scale`.', ['float32']),
}
const xSlot = (dtypes: readonly DType[]): { readonly X: ReturnType<typeof one> } => ({
  X: one('[N, C, width], [N, C, height, width] or [N, C, depth, height, width]; channels last if not NCHW.', dtypes),
})
type Slots = ReturnType<typeof xSlot> & typeof SLOTS
type OutSlots = { readonly Out: ReturnType<typeof one> }

/** @throws InvalidArgumentError E203 for shapes, E201 for sizes and factors; UnimplementedError E403 for a rank without kernel. */
function inferOut(
  opType: string,
  methodsByRank: Version<typeof ATTRS_V2>['methods'],
  inputs: Filled<Slots, Meta>,
  attrs: Common,
  ctx: InferContext,
): Meta {
  const { X, OutSize, SizeTensor, Scale } = inputs
  const { interp_method, data_layout } = attrs
  const fail = (code: string, why: string): InvalidArgumentError =>
    new InvalidArgumentError(code, `${opType}: ${why}`, { where: { opType }, got: { X: X.shape, attrs } })
  const of = ` for X of shape ${formatShape(X.shape)}`
  if (X.shape.length < 3 || X.shape.length > 5) {
    throw new UnimplementedError('E403', `${opType} has no kernel for X of shape ${formatShape(X.shape)}`, {
      where: { opType, slot: 'X' },
      expected: 'rank 3 to 5',
    })
  }
  const methods = methodsByRank[X.shape.length]!
  if (!methods.includes(interp_method)) {
    throw fail('E201', `attr interp_method must be ${methods.join(' or ')}${of}, got "${interp_method}"`)
  }
  if (X.shape.includes(0)) throw fail('E203', `X must not be empty, got ${formatShape(X.shape)}`)
  const sizes = planeSizes(X.shape, data_layout)
  const rank = sizes.length
  const fixed = [attrs.out_d, attrs.out_h, attrs.out_w].slice(3 - rank)
  let out: readonly number[] = fixed
  if (SizeTensor.length > 0) {
    if (SizeTensor.length !== rank)
      throw fail('E206', `SizeTensor needs ${rank} tensors${of}, got ${SizeTensor.length}`)
    out = SizeTensor.map((_, i) => numberInput(ctx, 'SizeTensor', i) ?? -1)
  } else {
    const factors = Scale === undefined ? undefined : ctx.constant('Scale')
    const given =
      factors === undefined ? undefined : Array.from({ length: factors.size }, (_, i) => Number(factors.at(i)))
    const scales = scalesOf(attrs, given, rank)
    if (scales !== undefined) {
      if (!scales.every((scale) => scale > 0) || scales.length < rank) {
        throw fail('E201', `scale must be above 0 for each dimension, got [${scales.join(', ')}]`)
      }
      out = sizes.map((size, i) => (size < 0 ? -1 : Math.trunc(Math.fround(size * scales[i]!))))
    } else if (Scale !== undefined) out = sizes.map(() => -1)
    if (OutSize !== undefined) {
      out = ctx.constant('OutSize') === undefined ? sizes.map(() => -1) : shapeInput(ctx, 'OutSize', OutSize)
      if (out.length !== rank) throw fail('E203', `OutSize must hold ${rank} sizes${of}, got ${out.length}`)
    }
  }
  const known = out !== fixed && !ctx.atRun
  if (out.some((size) => (known && size === -1 ? false : size < 1))) {
    throw fail('E201', `the sizes of Out must be above 0${of}, got [${out.join(', ')}]`)
  }
  const [batch, second] = X.shape as [number, number]
  const shape = data_layout === 'NCHW' ? [batch, second, ...out] : [batch, ...out, X.shape.at(-1)!]
  return { dtype: X.dtype, shape }
}

function interpolation<const A extends typeof ATTRS_V1 | typeof ATTRS_V2>(
  type: string,
  { attrs: ATTRS, methods, ratioOfScale }: Version<A>,
  doc: string,
  dtypes: readonly DType[],
): [OpDef<Slots, OutSlots, A>, AnyOpDef] {
  const source = 'paddle/phi/kernels/cpu/interpolate_kernel.cc'
  const inputs = { ...xSlot(dtypes), ...SLOTS }
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: every element of Out@GRAD goes back to the elements of X that it was made from.`,
    source: 'paddle/phi/kernels/cpu/interpolate_grad_kernel.cc',
    inputs: { ...inputs, 'Out@GRAD': one('Gradient of Out.', FLOATS) },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs: ATTRS,
    inferMeta(given, attrs, ctx) {
      const { X, 'Out@GRAD': dOut } = given
      requireSameDType(`${type}_grad`, { X, 'Out@GRAD': dOut })
      const { shape } = inferOut(`${type}_grad`, methods, given, attrs as Common, ctx)
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    kernels: {
      cpu(given, attrs, outputs) {
        const dx = outputs['X@GRAD']
        if (dx === undefined) return
        const dout = given['Out@GRAD']
        const grid = gridOf(given, dout.shape, attrs as Common, ratioOfScale, true)
        if (grid.copies) dx.data.set(dout.data)
        else weightedGrad(grid, dout.data, dx.data)
      },
    },
  })
  const run = (given: Filled<Slots, RawTensor>, attrs: Common, Out: RawTensor): void => {
    const grid = gridOf(given as Filled<Slots, KernelTensor>, Out.shape, attrs, ratioOfScale, false)
    if (grid.copies) (Out.data as NumberArray).set(given.X.data as NumberArray)
    else if (attrs.interp_method === 'nearest') nearest(grid, given.X.data, Out.data)
    else weighted(grid, given.X.data as NumberArray, Out.data as NumberArray)
  }
  const def = defineOp({
    type,
    doc,
    source,
    differs:
      'A method that does not go with the rank of X is refused. The gradient leaves Scale aside where SizeTensor gives the sizes, as the operator does; Paddle does not.',
    inputs,
    outputs: { Out: one('X with other sizes of the planes.') },
    attrs: ATTRS,
    inferMeta: (given, attrs, ctx) => ({ Out: inferOut(type, methods, given, attrs as Common, ctx) }),
    grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: {
          X: inputs.X,
          OutSize: inputs.OutSize,
          SizeTensor: inputs.SizeTensor,
          Scale: inputs.Scale,
          'Out@GRAD': outputGrads.Out,
        },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu: (given, attrs, { Out }) => run(given, attrs as Common, Out),
      // Only nearest has int64, which it copies.
      int64: (given, attrs, { Out }) => run(given, attrs as Common, Out),
    },
  })
  return [def, gradDef]
}

const MEAN = 'each element is the mean, weighted by distance,'
const REAL = [...FLOATS, 'uint8'] as const
const REAL_V1 = ['float32', 'float64', 'uint8'] as const

export const [bilinearInterpV2, bilinearInterpV2Grad] = interpolation(
  'bilinear_interp_v2',
  V2,
  `Planes of another size: ${MEAN} of the four elements of X around its position.`,
  REAL,
)

export const [nearestInterpV2, nearestInterpV2Grad] = interpolation(
  'nearest_interp_v2',
  V2,
  'Planes or volumes of another size: each element is the element of X at its position, rounded down (with align_corners to the nearest).',
  [...FLOATS, 'uint8', 'int32', 'int64'],
)

export const [linearInterpV2, linearInterpV2Grad] = interpolation(
  'linear_interp_v2',
  V2,
  `Rows of another length: ${MEAN} of the two elements of X around its position.`,
  REAL,
)

export const [trilinearInterpV2, trilinearInterpV2Grad] = interpolation(
  'trilinear_interp_v2',
  V2,
  `Volumes of another size: ${MEAN} of the eight elements of X around its position.`,
  REAL,
)

export const [bicubicInterpV2, bicubicInterpV2Grad] = interpolation(
  'bicubic_interp_v2',
  V2,
  'Planes of another size: each element is the sum of the sixteen elements of X around its position, weighted by cubic polynomials with the coefficient -0.75.',
  FLOATS,
)

export const [bilinearInterp, bilinearInterpGrad] = interpolation(
  'bilinear_interp',
  V1,
  'bilinear_interp_v2 with one factor for all dimensions; positions follow from the sizes alone.',
  REAL_V1,
)

export const [nearestInterp, nearestInterpGrad] = interpolation(
  'nearest_interp',
  V1,
  'nearest_interp_v2 with one factor for all dimensions; positions follow from the sizes alone.',
  REAL_V1,
)

export const [linearInterp, linearInterpGrad] = interpolation(
  'linear_interp',
  V1,
  'linear_interp_v2 with one factor; positions follow from the lengths alone.',
  REAL_V1,
)

export const [trilinearInterp, trilinearInterpGrad] = interpolation(
  'trilinear_interp',
  V1,
  'trilinear_interp_v2 with one factor for all dimensions; positions follow from the sizes alone.',
  REAL_V1,
)

export const [bicubicInterp, bicubicInterpGrad] = interpolation(
  'bicubic_interp',
  V1,
  'bicubic_interp_v2 with one factor for all dimensions; positions follow from the sizes alone.',
  ['float32', 'float64'],
)
