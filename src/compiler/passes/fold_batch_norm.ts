/** Makes batch normalization of inference part of the convolution before it. */
import type { Operator } from '../../framework/operator.ts'
import type { Program } from '../../framework/program.ts'
import { ops } from '../../ops/index.ts'
import { allocate, type NumberArray } from '../../tensor/dtype.ts'
import { product } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { Pass, PassValues } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/** A convolution, perhaps with a bias behind it, and the batch_norm that alone reads the result. */
interface Match {
  readonly norm: Operator
  readonly conv: Operator
  readonly bias: Operator | undefined
}

/** New values, computed in float64 and rounded once. */
interface Folded {
  readonly filter: Tensor
  readonly shift: Tensor
}

/**
 * With s = Scale / sqrt(Variance + epsilon) for each channel, batch_norm(conv(x, W) + b) = conv(x, W s) + (Bias + (b - Mean) s). W s and the
 * sum behind it become new parameters; the sum is an elementwise_add. Only where batch_norm uses its moving averages, nothing else reads the
 * convolution's result, and no operator writes a parameter that takes part. Source: paddle/fluid/framework/ir/conv_bn_fuse_pass.cc (2.6.2).
 */
export const foldBatchNorm: Pass = {
  name: 'fold_batch_norm',
  doc: 'Makes a batch_norm of inference part of the filter and bias of the convolution before it. Needs the values of parameters.',
  changesBits: 1e-5,
  needsValues: true,
  run(program, context) {
    const { values } = context
    if (values === undefined) return program
    const rewriter = new Rewriter(program, context)
    const written = writtenNames(program)
    const orphans: string[] = []
    for (const norm of rewriter.ops) {
      const match = matchAt(norm, rewriter)
      if (match === undefined) continue
      const parameters = parametersOf(match)
      if (parameters.some((name) => written.has(name) || !isKept(program, name))) continue
      const folded = fold(match, program, values)
      if (folded === undefined) continue
      const { conv, bias } = match
      const filterName = conv.inputs['Filter']![0]!
      const filter = rewriter.freshName(`${filterName}.folded`)
      addParameter(rewriter, values, filter, folded.filter)
      const shift = rewriter.freshName(`${norm.inputs['Bias']?.[0] ?? filterName}.shift`)
      addParameter(rewriter, values, shift, folded.shift)
      const convOut = conv.outputs['Output']!
      const inputs = { Input: conv.inputs['Input']!.map((name) => rewriter.nameOf(name)), Filter: [filter] }
      const def = program.definition(conv.type)!
      rewriter.replace(
        conv,
        rewriter.operator({ def, inputs, outputs: { Output: convOut }, attrs: declared(conv, def) }, conv),
      )
      if (bias !== undefined) rewriter.replace(bias)
      rewriter.replace(
        norm,
        rewriter.operator(
          {
            def: ops.elementwise_add,
            inputs: { X: convOut, Y: [shift] },
            outputs: { Out: norm.outputs['Y']! },
            attrs: { axis: isChannelLast(attrsOf(norm, program)['data_layout']) ? -1 : 1 },
          },
          norm,
        ),
      )
      orphans.push(...parameters)
    }
    return rewriter.finish(orphans)
  },
}

function matchAt(norm: Operator, rewriter: Rewriter): Match | undefined {
  if (!rewriter.is(norm, ops.batch_norm) || !usesAverages(attrsOf(norm, rewriter.program))) return undefined
  for (const slot of ['SavedMean', 'SavedVariance', 'ReserveSpace']) {
    const name = norm.outputs[slot]?.[0]
    if (name !== undefined && (rewriter.readers(name) > 0 || rewriter.isSeen(name))) return undefined
  }
  for (const slot of ['Mean', 'Variance']) {
    const out = norm.outputs[`${slot}Out`]?.[0]
    if (out !== undefined && out !== norm.inputs[slot]![0]) return undefined
  }
  const isConvolution = (op: Operator | undefined): op is Operator =>
    rewriter.is(op, ops.conv2d) || rewriter.is(op, ops.depthwise_conv2d) || rewriter.is(op, ops.conv2d_transpose)
  const before = rewriter.producerFor(norm.inputs['X']![0]!)
  const bias = rewriter.is(before, ops.elementwise_add) ? before : undefined
  const conv = bias === undefined ? before : rewriter.producerFor(bias.inputs['X']![0]!)
  if (!isConvolution(conv)) return undefined
  const { program } = rewriter
  const last = isChannelLast(attrsOf(norm, program)['data_layout'])
  if (isChannelLast(attrsOf(conv, program)['data_format']) !== last) return undefined
  const axis = bias === undefined ? undefined : attrsOf(bias, program)['axis']
  if (bias !== undefined && axis !== (last ? 3 : 1) && !(last && axis === -1)) return undefined
  return { norm, conv, bias }
}

type Attributes = Readonly<Record<string, unknown>>

const attrsOf = (op: Operator, program: Program): Attributes => op.filledAttrs(program.definition(op.type)!)

const usesAverages = (attrs: Attributes): boolean =>
  attrs['use_global_stats'] === true || (attrs['is_test'] === true && attrs['trainable_statistics'] !== true)

const isChannelLast = (layout: unknown): boolean => layout === 'NHWC'

function parametersOf({ norm, conv, bias }: Match): string[] {
  const names = ['Scale', 'Bias', 'Mean', 'Variance'].flatMap((slot) => norm.inputs[slot] ?? [])
  return [...names, ...conv.inputs['Filter']!, ...(bias?.inputs['Y'] ?? [])]
}

const isKept = (program: Program, name: string): boolean => program.globalBlock().vars.get(name)?.persistable === true

/** Names that operators write; a batch_norm that uses its averages leaves them as they are. */
function writtenNames(program: Program): Set<string> {
  const written = new Set<string>()
  for (const { ops: list } of program.blocks) {
    for (const op of list) {
      const still = program.definition(op.type) === (ops.batch_norm as unknown) && usesAverages(attrsOf(op, program))
      const kept = still ? ['MeanOut', 'VarianceOut'].flatMap((slot) => op.outputs[slot] ?? []) : []
      for (const name of op.outputNames()) if (!kept.includes(name)) written.add(name)
    }
  }
  return written
}

function fold({ norm, conv, bias }: Match, program: Program, values: PassValues): Folded | undefined {
  const filter = values.get(conv.inputs['Filter']![0]!)
  if (filter === undefined || (filter.dtype !== 'float32' && filter.dtype !== 'float64')) return undefined
  const [, perGroup] = filter.shape
  const groups = attrsOf(conv, program)['groups'] as number
  const transposed = conv.type === ops.conv2d_transpose.type
  const channels = transposed ? perGroup! * groups : filter.shape[0]!
  const vector = (name: string | undefined, otherwise: number | undefined): NumberArray | undefined => {
    const value = name === undefined ? undefined : values.get(name)
    if (name === undefined) return otherwise === undefined ? undefined : new Float64Array(channels).fill(otherwise)
    return value?.size === channels && value.dtype === filter.dtype ? (value.data as NumberArray) : undefined
  }
  const scale = vector(norm.inputs['Scale']?.[0], 1)
  const beta = vector(norm.inputs['Bias']?.[0], 0)
  const mean = vector(norm.inputs['Mean']?.[0], undefined)
  const variance = vector(norm.inputs['Variance']?.[0], undefined)
  const before = vector(bias?.inputs['Y']?.[0], 0)
  if (!scale || !beta || !mean || !variance || !before) return undefined
  const epsilon = attrsOf(norm, program)['epsilon'] as number
  const factor = new Float64Array(channels)
  const shift = allocate(filter.dtype, channels) as NumberArray
  for (let c = 0; c < channels; c++) {
    factor[c] = scale[c]! / Math.sqrt(variance[c]! + epsilon)
    shift[c] = beta[c]! + (before[c]! - mean[c]!) * factor[c]!
  }
  const data = allocate(filter.dtype, filter.size) as NumberArray
  const old = filter.data as NumberArray
  const window = product(filter.shape, 2)
  const inGroup = filter.shape[0]! / groups
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / (window * perGroup!)), Math.floor(i / window) % perGroup!]
    const channel = transposed ? Math.floor(row / inGroup) * perGroup! + column : row
    data[i] = old[i]! * factor[channel]!
  }
  return { filter: new Tensor(filter.dtype, filter.shape, data), shift: new Tensor(filter.dtype, [channels], shift) }
}

function addParameter(rewriter: Rewriter, values: PassValues, name: string, value: Tensor): void {
  const { dtype, shape } = value
  rewriter.addVariable({ name, dtype, shape, persistable: true, stopGradient: true })
  values.set(name, value)
}

const declared = (op: Operator, { attrs }: { readonly attrs: object }): Record<string, unknown> =>
  Object.fromEntries(Object.entries(op.attrs).filter(([name]) => Object.hasOwn(attrs, name)))
