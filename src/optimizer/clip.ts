/**
 * Gradient clipping: operators that shorten gradients before the update. Source: python/paddle/nn/clip.py (2.6.2).
 */
import { pythonFloat } from '../framework/python_text.ts'
import type { ErrorClip } from '../framework/variable.ts'
import { isHalf } from '../tensor/dtype.ts'
import { Tensor } from '../tensor/tensor.ts'
import { checkOptions, FINITE, NOT_NEGATIVE } from './check.ts'
import type { Emitter, OptimizerValue, ParamGradPair } from './emitter.ts'

/** A way to clip: emits its operators and returns the pairs to go on with. */
export interface GradClip {
  readonly type: string
  clip(pairs: readonly ParamGradPair[], emitter: Emitter): ParamGradPair[]
}

/** Every element is cut to [min, max]; min defaults to -max. */
export function ClipGradByValue(max: number, min = -max): GradClip {
  checkOptions('ClipGradByValue', FINITE, { max, min })
  return {
    type: 'ClipGradByValue',
    clip: (pairs, emitter) =>
      eachPair(pairs, emitter, (grad) =>
        emitter.apply('clip', { X: grad }, { min, max }, { layer: 'clip' }, grad.dtype),
      ),
  }
}

/** Each gradient is scaled down to an L2 norm of at most `clipNorm`. */
export function ClipGradByNorm(clipNorm: number): GradClip {
  checkOptions('ClipGradByNorm', NOT_NEGATIVE, { clipNorm })
  return {
    type: 'ClipGradByNorm',
    clip: (pairs, emitter) =>
      eachPair(pairs, emitter, (grad) =>
        emitter.apply('clip_by_norm', { X: grad }, { max_norm: clipNorm }, { layer: 'clip_by_norm' }, grad.dtype),
      ),
  }
}

/** All gradients together are scaled down to an L2 norm of at most `clipNorm`; they are changed in place. */
export function ClipGradByGlobalNorm(clipNorm: number): GradClip {
  checkOptions('ClipGradByGlobalNorm', NOT_NEGATIVE, { clipNorm })
  return { type: 'ClipGradByGlobalNorm', clip: (pairs, emitter) => clipByGlobalNorm(pairs, emitter, clipNorm) }
}

/**
 * For `variable.errorClip`: the gradient of that variable, a parameter or not, is cut to [min, max] where it is made, so that what flows on
 * from it is bounded too. min defaults to -max.
 */
export function ErrorClipByValue(max: number, min = -max): ErrorClip {
  checkOptions('ErrorClipByValue', FINITE, { max, min })
  return { min, max }
}

function eachPair(
  pairs: readonly ParamGradPair[],
  emitter: Emitter,
  clip: (grad: OptimizerValue) => OptimizerValue,
): ParamGradPair[] {
  return pairs.map((pair) =>
    pair.param.needClip ? emitter.forPair(pair, () => ({ param: pair.param, grad: clip(pair.grad) })) : pair,
  )
}

function clipByGlobalNorm(pairs: readonly ParamGradPair[], emitter: Emitter, clipNorm: number): ParamGradPair[] {
  const clipped = pairs.filter(({ param }) => param.needClip)
  if (clipped.length === 0) return [...pairs]
  const norms: Record<'half' | 'float32' | 'float64', OptimizerValue[]> = { half: [], float32: [], float64: [] }
  for (const pair of clipped) {
    const { grad } = pair
    const norm = emitter.forPair(pair, () =>
      emitter.apply('squared_l2_norm', { X: denseValues(grad, emitter) }, {}, { layer: 'squared_l2_norm' }, grad.dtype),
    )
    norms[isHalf(grad.dtype) ? 'half' : grad.dtype === 'float32' ? 'float32' : 'float64'].push(norm)
  }
  // Paddle gives the common operators to the last pair, even if that one is not clipped.
  const factor = emitter.forPair(pairs[pairs.length - 1]!, () => {
    const addN = (terms: readonly OptimizerValue[]): OptimizerValue =>
      emitter.apply('sum', { X: terms }, {}, { layer: 'add_n' }, terms[0]!.dtype)
    const widest = norms.float64.length > 0 ? 'float64' : 'float32'
    const sums = [norms.half, norms.float32, norms.float64]
      .filter((terms) => terms.length > 0)
      .map((terms) => castTo(addN(terms), widest, emitter))
    const total = sums.length > 1 ? addN(sums) : sums[0]!
    const { dtype } = total
    const norm = emitter.apply('sqrt', { X: total }, {}, { layer: 'sqrt' }, dtype)
    const limit = emitter.apply(
      'fill_constant',
      {},
      { shape: [1], dtype, value: clipNorm, str_value: pythonFloat(clipNorm) },
      { layer: 'fill_constant', unused: 1 },
      dtype,
    )
    const divisor = emitter.apply(
      'elementwise_max',
      { X: limit, Y: norm },
      { axis: -1 },
      { name: 'elementwise_max' },
      dtype,
    )
    return emitter.apply('elementwise_div', { X: limit, Y: divisor }, { axis: -1 }, { name: 'elementwise_div' }, dtype)
  })
  for (const pair of clipped) {
    emitter.forPair(pair, () => {
      const { grad } = pair
      // Paddle's program casts to half types alone, and fails where float32 gradients meet a float64 norm; its dygraph casts them all.
      const own = castTo(factor, grad.dtype, emitter)
      emitter.apply('elementwise_mul', { X: grad, Y: own }, { axis: -1 }, { into: grad }, grad.dtype)
    })
  }
  return [...pairs]
}

/** The values that count for a norm: of selected rows each row once, as repeated ones add up. Dygraph's gradients are dense. */
function denseValues(grad: OptimizerValue, emitter: Emitter): OptimizerValue {
  if (grad instanceof Tensor || grad.type !== 'SELECTED_ROWS') return grad
  const layerOf = (type: string, value: OptimizerValue): OptimizerValue =>
    emitter.apply(type, { X: value }, {}, { layer: type }, grad.dtype)
  return layerOf('get_tensor_from_selected_rows', layerOf('merge_selected_rows', grad))
}

/** The value itself, or cast where it has another element type. */
function castTo(value: OptimizerValue, dtype: OptimizerValue['dtype'], emitter: Emitter): OptimizerValue {
  if (value.dtype === dtype) return value
  return emitter.apply('cast', { X: value }, { in_dtype: value.dtype, out_dtype: dtype }, { name: 'tmp' }, dtype)
}
