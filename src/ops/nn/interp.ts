/**
 * Resizing of planes (and volumes): bilinear_interp_v2, nearest_interp_v2 and their gradients. Positions and weights are float32, as in Paddle,
 * because a position that falls on an element decides which element is taken.
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
import { formatShape, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { numberInput, shapeInput } from '../tensor/shape_inputs.ts'
import { layoutCheck } from './channels.ts'
import { type Axis, type Grid, linear, linearGrad, nearest, nearestGrad } from './interp_kernels.ts'

const ATTRS = {
  data_layout: attr.string('NCHW', { doc: 'NCHW, else the channels are in the last dimension.', check: layoutCheck }),
  out_d: attr.int(0, { doc: 'Depth of Out for a volume.' }),
  out_h: attr.int(0, { doc: 'Height of Out, where neither tensors nor `scale` say it.' }),
  out_w: attr.int(0, { doc: 'Width of Out, where neither tensors nor `scale` say it.' }),
  scale: attr.floats([], { doc: 'One factor per dimension of the planes; wins over out_d, out_h and out_w.' }),
  interp_method: attr.string('bilinear', { doc: 'bilinear or nearest; decides, whatever the operator is called.' }),
  align_corners: attr.bool(true, { doc: 'The corner elements of X and Out coincide.' }),
  align_mode: attr.int(1, {
    doc: 'Of bilinear without align_corners: 0 compares the middles of the elements, 1 their beginnings.',
  }),
}
type InterpAttrs = FilledAttrs<typeof ATTRS>

const SLOTS = {
  OutSize: optional('Sizes of the planes of Out, in place of the attributes.', ['int32']),
  SizeTensor: many('One size per tensor; wins over everything else.', ['int32']),
  Scale: optional('One factor, or one per dimension, in place of `scale`.', ['float32']),
}
const xSlot = (dtypes: readonly DType[]): { readonly X: ReturnType<typeof one> } => ({
  X: one('[N, C, height, width], for nearest also [N, C, depth, height, width]; channels last if not NCHW.', dtypes),
})
type Slots = ReturnType<typeof xSlot> & typeof SLOTS
type OutSlots = { readonly Out: ReturnType<typeof one> }

const planeSizes = (shape: Shape, layout: string): Shape => (layout === 'NCHW' ? shape.slice(2) : shape.slice(1, -1))

/** The factors that apply, of which the ratio of positions is taken too; undefined without any. */
function scalesOf(
  attrs: InterpAttrs,
  given: readonly number[] | undefined,
  rank: number,
): readonly number[] | undefined {
  if (given !== undefined) return given.length === 1 ? new Array<number>(rank).fill(given[0]!) : given.slice(0, rank)
  return attrs.scale.length >= rank ? attrs.scale.slice(0, rank) : undefined
}

/** @throws InvalidArgumentError E203 for shapes, E201 for sizes and factors; UnimplementedError E403 for a rank without kernel. */
function inferOut(opType: string, inputs: Filled<Slots, Meta>, attrs: InterpAttrs, ctx: InferContext): Meta {
  const { X, OutSize, SizeTensor, Scale } = inputs
  const { interp_method, data_layout } = attrs
  const fail = (code: string, why: string): InvalidArgumentError =>
    new InvalidArgumentError(code, `${opType}: ${why}`, { where: { opType }, got: { X: X.shape, attrs } })
  const of = ` for X of shape ${formatShape(X.shape)}`
  if (X.shape.length < 3 || X.shape.length > 5) {
    throw new UnimplementedError('E403', `${opType} has no kernel for X of shape ${formatShape(X.shape)}`, {
      where: { opType, slot: 'X' },
      expected: 'rank 4 or 5',
    })
  }
  const methods = X.shape.length === 4 ? ['bilinear', 'nearest'] : X.shape.length === 5 ? ['nearest'] : []
  if (!methods.includes(interp_method)) {
    throw fail('E201', `attr interp_method must be ${methods.join(' or ') || 'linear'}${of}, got "${interp_method}"`)
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

/** Where the elements of Out lie in X, dimension by dimension. */
function gridOf(inputs: Filled<Slots, KernelTensor>, outShape: Shape, attrs: InterpAttrs): Grid {
  const { X, SizeTensor, Scale } = inputs
  const { align_corners, align_mode, interp_method, data_layout } = attrs
  const from = planeSizes(X.shape, data_layout)
  const to = planeSizes(outShape, data_layout)
  // Factors are left aside where tensors give the sizes; OutSize does not do that.
  const scales =
    SizeTensor.length > 0 ? undefined : scalesOf(attrs, Scale === undefined ? undefined : [...Scale.data], from.length)
  const halfPixel = interp_method === 'bilinear' && align_mode === 0 && !align_corners
  const axes = from.map((size, d): Axis => {
    const out = to[d]!
    let ratio = 0
    if (out > 1) {
      if (align_corners) ratio = Math.fround((size - 1) / (out - 1))
      else ratio = Math.fround(scales === undefined ? size / out : 1 / scales[d]!)
    }
    const low = new Int32Array(out)
    const high = new Int32Array(out)
    const weight = new Float32Array(out)
    for (let k = 0; k < out; k++) {
      if (interp_method === 'nearest') {
        const position = Math.fround(ratio * k)
        low[k] = Math.min(Math.trunc(align_corners ? position + 0.5 : position), size - 1)
        continue
      }
      const position = halfPixel ? Math.fround(Math.fround(ratio * (k + 0.5)) - 0.5) : Math.fround(ratio * k)
      const first = Math.max(Math.trunc(position), 0)
      low[k] = Math.min(first, size - 1)
      high[k] = Math.min(first + 1, size - 1)
      weight[k] = halfPixel ? Math.max(position, 0) - first : position - first
    }
    return { size, out, low, high, weight }
  })
  const [batch, channels] = [X.shape[0]!, data_layout === 'NCHW' ? X.shape[1]! : X.shape.at(-1)!]
  const copies = from.every((size, d) => size === to[d])
  return {
    outer: data_layout === 'NCHW' ? batch * channels : batch,
    inner: data_layout === 'NCHW' ? 1 : channels,
    axes,
    copies,
  }
}

function interpolation(
  type: string,
  doc: string,
  dtypes: readonly DType[],
): [OpDef<Slots, OutSlots, typeof ATTRS>, AnyOpDef] {
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
      const { shape } = inferOut(`${type}_grad`, given, attrs, ctx)
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    kernels: {
      cpu(given, attrs, outputs) {
        const dx = outputs['X@GRAD']
        if (dx === undefined) return
        const dout = given['Out@GRAD']
        const grid = gridOf(given, dout.shape, attrs)
        if (grid.copies) dx.data.set(dout.data)
        else if (attrs.interp_method === 'nearest') nearestGrad(grid, dout.data, dx.data)
        else linearGrad(grid, dout.data, dx.data)
      },
    },
  })
  const run = (given: Filled<Slots, RawTensor>, attrs: InterpAttrs, Out: RawTensor): void => {
    const grid = gridOf(given as Filled<Slots, KernelTensor>, Out.shape, attrs)
    if (grid.copies) (Out.data as NumberArray).set(given.X.data as NumberArray)
    else if (attrs.interp_method === 'nearest') nearest(grid, given.X.data, Out.data)
    else linear(grid, given.X.data as NumberArray, Out.data as NumberArray)
  }
  const def = defineOp({
    type,
    doc,
    source,
    differs:
      'Only the methods bilinear and nearest are there; others are refused. The gradient leaves Scale aside where SizeTensor gives the sizes, as the operator does; Paddle does not.',
    inputs,
    outputs: { Out: one('X with other sizes of the planes.') },
    attrs: ATTRS,
    inferMeta: (given, attrs, ctx) => ({ Out: inferOut(type, given, attrs, ctx) }),
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
      cpu: (given, attrs, { Out }) => run(given, attrs, Out),
      // Only nearest has int64, which it copies.
      int64: (given, attrs, { Out }) => run(given, attrs, Out),
    },
  })
  return [def, gradDef]
}

export const [bilinearInterpV2, bilinearInterpV2Grad] = interpolation(
  'bilinear_interp_v2',
  'Planes of another size: each element is the mean, weighted by distance, of the four elements of X around its position.',
  [...FLOATS, 'uint8'],
)

export const [nearestInterpV2, nearestInterpV2Grad] = interpolation(
  'nearest_interp_v2',
  'Planes or volumes of another size: each element is the element of X at its position, rounded down (with align_corners to the nearest).',
  [...FLOATS, 'uint8', 'int32', 'int64'],
)
